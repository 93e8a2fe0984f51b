import type { OptimizeSummary } from '@cachequant/optimizer';
import {
  buildCandidate,
  type CalibrationContext,
  FLOAT_CACHED,
  FLOAT_FULL,
  INTEGER_FULL,
  loadVariant,
  type OptimizationWithModel,
  planSchedule,
  type Variant,
} from '@cachequant/optimizer/experiments';
import { type Denoiser, floatDenoiser, loadBundleDenoiser, loadGraph } from '@cachequant/pipeline';
import { createSampler } from '@cachequant/samplers';
import type { Storage } from '@cachequant/tensor';

/** One way to run the model that the demo compares. */
export interface Contender {
  readonly id: string;
  readonly label: string;
  readonly denoiser: Denoiser;
  readonly sampler: CalibrationContext['sampler'];
  /** Everything the denoiser is made of. */
  readonly denoiserBytes: number;
}

export interface Arena extends Pick<OptimizationWithModel, 'summary' | 'calibrated'> {
  readonly source: Storage;
  readonly work: Storage;
  readonly bundle: Storage;
  readonly schedulerConfig: unknown;
}

/** From the last timestep to the clean picture: what the solver does best with in few steps. */
const RIVAL_SPACING = { timestep_spacing: 'trailing' };

/** Loads every contender; all of them use the same runtime and the same calibration. */
export async function loadContenders(arena: Arena): Promise<Contender[]> {
  const { summary, calibrated, source, work, bundle } = arena;
  const { manifest } = summary;
  const { context } = calibrated;
  const original = async () => floatDenoiser(await loadGraph(context.runtime, source, 'unet/model.onnx'));
  const sourceBytes = await bytesOf(source, ['unet']);
  const plain = (refreshCalls: readonly number[]): Variant => ({
    full: FLOAT_FULL,
    cached: { graph: FLOAT_CACHED, refreshCalls, anchors: 1 },
  });
  const variants: [string, string, Variant][] = [
    [
      'uniform-cache',
      'Cache, refreshed evenly',
      plain(await planSchedule(calibrated, 'uniform', context.refreshes)),
    ],
    [
      'dp-cache',
      "Cache, the paper's schedule",
      plain(await planSchedule(calibrated, 'dp', context.refreshes)),
    ],
    ['int8', 'Integers alone', { full: INTEGER_FULL }],
    ['dp-cache-int8', 'Both, uncorrected', (await buildCandidate(calibrated, 'dp', 'none')).variant],
  ];
  const steps = stepsForTheSameTime(summary);
  const contenders: Contender[] = [
    contender('original', 'Original', await original(), sourceBytes),
    {
      ...contender('fewer-steps', `Original, ${steps} DPM-Solver++ steps`, await original(), sourceBytes),
      sampler: createSampler(arena.schedulerConfig, {
        steps,
        sampler: 'dpm-solver++',
        overrides: RIVAL_SPACING,
      }),
    },
  ];
  for (const [id, label, variant] of variants) {
    const denoiser = await loadVariant(context, variant);
    contenders.push(contender(id, label, denoiser, await bytesOf(work, filesOf(variant))));
  }
  const optimized = await loadBundleDenoiser(bundle, context.runtime, manifest);
  contenders.push(contender('cachequant', 'CacheQuant', optimized, await bytesOf(bundle, ['denoiser'])));
  return contenders;

  function contender(id: string, label: string, denoiser: Denoiser, denoiserBytes: number): Contender {
    return { id, label, denoiser, denoiserBytes, sampler: context.sampler };
  }
}

/** Network calls, and so DPM-Solver++ steps, in which the original takes as long as the bundle, by the verification. */
function stepsForTheSameTime({ verification }: OptimizeSummary): number {
  const { original, optimized } = verification.times;
  const perCall = original.calls.reduce((sum, { ms }) => sum + ms, 0) / original.calls.length;
  const optimizedMs = optimized.calls.reduce((sum, { ms }) => sum + ms, 0);
  return Math.max(2, Math.round(optimizedMs / perCall));
}

function filesOf({ full, cached }: Variant): string[] {
  const folder = full.split('/')[0]!;
  return [full, `${folder}/weights.bin`, ...(cached ? [cached.graph] : [])];
}

/** Sum of all files at or under the paths. */
async function bytesOf(storage: Storage, paths: readonly string[]): Promise<number> {
  let total = 0;
  for (const path of paths) {
    for (const file of await storage.list(path)) total += (await storage.stat(file))!.size;
  }
  return total;
}
