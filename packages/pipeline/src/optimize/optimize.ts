import type { Runtime, Storage } from '@cachequant/tensor';
import { writeFile } from '@cachequant/tensor';
import { type BundleManifest, FORMAT_VERSION, VERIFICATION } from '../bundle/manifest.js';
import { copyComponents, writeDenoiser, writeManifest } from '../bundle/write-bundle.js';
import { CACHE_NAME, PREVIOUS_CACHE_NAME, type StageProgress } from './laboratory.js';
import { buildCandidate } from './candidate.js';
import { type Choice, chooseVariant } from './choose.js';
import { type OpenLaboratory, openLaboratory } from './open-laboratory.js';
import type { OptimizeOptions } from './recipe.js';
import { mergedMoments } from './schedules.js';
import { type Study, studyDenoiser } from './study.js';
import { type Verification, type VerifiedPicture, verify } from './verify.js';

export interface OptimizeRequest {
  /** The model folder. */
  readonly source: Storage;
  /** Intermediate results; a stopped run goes on from what it finds here. */
  readonly work: Storage;
  /** Takes the bundle; its manifest is written last. */
  readonly out: Storage;
  readonly runtime: Runtime;
  readonly options?: OptimizeOptions;
  /** For the manifest: a name for the source, and the version of the program. */
  readonly sourceName?: string;
  readonly createdBy?: string;
  readonly now?: () => Date;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly onStage?: (name: string, reused: boolean) => void;
  readonly signal?: AbortSignal;
}

/** A finished optimization: the bundle's manifest, what was measured, and what led there. */
export interface OptimizeSummary {
  readonly manifest: BundleManifest;
  readonly verification: Verification;
  readonly pictures: readonly VerifiedPicture[];
  readonly choice: Choice;
  readonly study: Study;
  readonly textEncoderMs: number;
  /** Summed L1 distances of the float model's cached tensor, [calls, window]. */
  readonly distances: { readonly calls: number; readonly window: number; readonly distance: Float64Array };
}

/**
 * Makes a bundle of a model: cuts, observes, quantizes, plans, corrects and verifies. Every stage that was
 * finished in an earlier attempt with the same model and options is read back from the work folder.
 *
 * Source: Liu et al., CacheQuant, CVPR 2025, https://arxiv.org/abs/2503.01323. Differs: integers that run as
 * integers, a forecast from two refreshes, and the schedule that measured best.
 * @throws CacheQuantError saying what in the model, the options or the storage stands in the way; `aborted`
 * within one network call after the signal
 */
export async function optimize(request: OptimizeRequest): Promise<OptimizeSummary> {
  const opened = await openLaboratory(request);
  try {
    const { lab, runner, prepared, inputDims } = opened;
    const study = await studyDenoiser(lab, runner, inputDims, prepared.model);
    const choice = await chooseVariant(study);
    const plain =
      lab.recipe.cacheCorrection === 'none'
        ? undefined
        : await buildCandidate(study, choice.chosen.schedule, 'none');
    const { verification, pictures } = await runner.stage('verify', () =>
      verify(study, prepared.folder, choice.variant, plain),
    );
    const manifest = await writeBundle(request, opened, study, choice, verification);
    const distances = mergedMoments(study.features).distanceTable();
    return { manifest, verification, pictures, choice, study, textEncoderMs: lab.textEncoderMs, distances };
  } finally {
    await opened.dispose();
  }
}

async function writeBundle(
  request: OptimizeRequest,
  { lab, prepared, sourceFingerprint }: OpenLaboratory,
  study: Study,
  choice: Choice,
  verification: Verification,
): Promise<BundleManifest> {
  const { source, out } = request;
  const denoiserFolder = prepared.folder.denoiser.model.split('/')[0]!;
  request.onStage?.('bundle', false);
  await copyComponents(source, out, denoiserFolder);
  await writeDenoiser(lab.work, out, {
    full: choice.variant.full,
    cached: choice.variant.cached!.graph,
    weights: study.integers ? 'int8/weights.bin' : 'float/weights.bin',
  });
  await writeFile(out, 'plan.json', `${JSON.stringify(planOf(study, choice), null, 2)}\n`);
  await writeFile(out, VERIFICATION, `${JSON.stringify(verification, null, 2)}\n`);
  const created = (request.now ?? (() => new Date()))().toISOString();
  return writeManifest(out, {
    formatVersion: FORMAT_VERSION,
    createdBy: request.createdBy ?? 'cachequant',
    createdAt: created,
    source: {
      name: request.sourceName ?? 'model',
      fingerprint: sourceFingerprint,
      denoiserBytes: await bytesUnder(source, denoiserFolder),
    },
    ...describeGraphs(study, choice),
    ...describeRecipe(study, choice),
  });
}

function describeGraphs({ graphs, lab }: Study, { chosen }: Choice) {
  const { cut } = graphs;
  const request = Object.fromEntries(
    graphs.full.model.graph.inputs.map(({ name }) => [name, 'request' as const]),
  );
  const anchors = chosen.variant.cached!.anchors;
  return {
    cut: { id: cut.id, kind: cut.kind, cachedShare: cut.cachedShare, dims: cut.cacheDims.map(Number) },
    denoiser: {
      batch: graphs.full.shapes.get(graphs.full.model.graph.inputs[0]!.name)?.dims?.[0] as number,
      full: {
        file: 'denoiser/full.onnx',
        inputs: { ...request, call_index: 'call_index' as const },
        outputs: { [lab.output]: 'prediction' as const, [CACHE_NAME]: 'cache' as const },
      },
      cached: {
        file: 'denoiser/cached.onnx',
        inputs: {
          ...request,
          call_index: 'call_index' as const,
          [CACHE_NAME]: 'cache:newest' as const,
          ...(anchors === 2 && { [PREVIOUS_CACHE_NAME]: 'cache:previous' as const }),
        },
        outputs: { [lab.output]: 'prediction' as const },
      },
    },
  };
}

function describeRecipe({ lab, decisions }: Study, { chosen, outputsKept }: Choice) {
  const { recipe, sampler } = lab;
  const integers = recipe.bits === 'w8a8';
  return {
    sampler: { name: sampler.name, steps: sampler.steps, calls: sampler.calls },
    guidanceScale: lab.guidanceScale,
    latentDims: [...lab.latentDims],
    schedule: { kind: chosen.schedule, interval: recipe.interval, refreshSteps: [...chosen.refreshSteps] },
    corrections: {
      cache: chosen.correction,
      anchors: chosen.variant.cached!.anchors,
      quantization: outputsKept,
    },
    bits: {
      weights: integers ? (recipe.target === 'vnni' ? 8 : 7) : 32,
      activations: integers ? 8 : 32,
      target: integers ? recipe.target : ('float' as const),
    },
    layers: decisions.map((decision) => ({ ...decision })),
  };
}

/** Every decision and the numbers it was made on. */
function planOf({ lab, graphs, decisions }: Study, { candidates, chosen, outputs, outputsKept }: Choice) {
  return {
    recipe: lab.recipe,
    cut: graphs.cut.id,
    layers: decisions,
    schedules: candidates.map(({ schedule, correction, refreshSteps, psnr }) => ({
      schedule,
      correction,
      refreshSteps,
      calibrationPsnr: psnr,
      chosen: schedule === chosen.schedule,
    })),
    quantizationCorrection: outputs && { calibrationPsnr: outputs.psnr, kept: outputsKept },
  };
}

async function bytesUnder(storage: Storage, folder: string): Promise<number> {
  let total = 0;
  for (const path of await storage.list(folder)) total += (await storage.stat(path))?.size ?? 0;
  return total;
}
