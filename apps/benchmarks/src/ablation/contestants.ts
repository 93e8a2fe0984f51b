import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { meanOf } from '@cachequant/evaluate';
import {
  atInterval,
  buildCandidate,
  buildWithoutCache,
  type CalibratedModel,
  type Candidate,
  chooseVariant,
  correctOutputs,
  FLOAT_CACHED,
  FLOAT_FULL,
  INTEGER_FULL,
  inFloat,
  loadVariant,
  planSchedule,
  samplerOf,
  smoothPredictions,
  type Variant,
  withGuidanceForecast,
} from '@cachequant/optimizer/experiments';
import {
  type CacheCorrectionKind,
  type Denoiser,
  floatDenoiser,
  loadGraph,
  openModelFolder,
  type ScheduleKind,
} from '@cachequant/pipeline';
import { createSampler, type Sampler } from '@cachequant/samplers';
import type { Runtime, Storage } from '@cachequant/tensor';
import { isLever, isSearch, leverVariant } from './levers.js';
import type { OpenedModel } from './model.js';
import { planOf } from './plan-of.js';
import type { CacheChoice, ChosenRow } from './results.js';
import type { RowSpec } from './rows.js';

/** A row with everything decided, ready to be loaded. */
export interface Contestant {
  readonly row: ChosenRow;
  readonly sampler: Sampler;
  /** Of everything that its pictures depend on, apart from prompts and seeds. */
  readonly fingerprint: string;
  /** Graphs and weights; null for the float model as it came, which may be stored in another precision. */
  readonly denoiserBytes: number | null;
  load(): Promise<Denoiser>;
}

/** The float model as it came, with any sampler. */
export async function floatContestant(
  spec: RowSpec,
  {
    runtime,
    source,
    schedulerConfig,
  }: Pick<OpenedModel, 'source' | 'schedulerConfig'> & { runtime: Runtime },
): Promise<Contestant> {
  const sampler = createSampler(schedulerConfig, { sampler: spec.sampler, steps: spec.steps });
  const { denoiser } = await openModelFolder(source);
  return {
    row: { ...spec, cache: null, refreshCalls: null, calls: sampler.calls },
    sampler,
    fingerprint: await fingerprintOf(source, await filesOf(source, denoiser.model), [
      sampler.name,
      sampler.timesteps,
      schedulerConfig,
    ]),
    denoiserBytes: null,
    load: async () => floatDenoiser(await loadGraph(runtime, source, denoiser.model)),
  };
}

/** A graph, or the weights that it is built over. */
async function filesOf(source: Storage, graph: string): Promise<string[]> {
  if (source.locate?.(graph) !== undefined) return [graph];
  const files = await source.list(path.posix.dirname(graph));
  return files.filter((file) => source.locate?.(file) !== undefined).sort();
}

/** A row whose graphs come from a calibrated model: with a cache, with integers, or both. */
export async function studiedContestant(spec: RowSpec, calibrated: CalibratedModel): Promise<Contestant> {
  const { variant, cache } = await decide(spec, calibrated);
  const { work } = calibrated.context;
  const sampler = samplerOf(calibrated.context, variant);
  const refreshCalls = variant.cached ? [...variant.cached.refreshCalls] : null;
  const conditionalRefreshes = variant.cached?.conditionalRefreshes;
  const folder = path.posix.dirname(variant.full);
  const files = [variant.full, `${folder}/weights.bin`, ...(variant.cached ? [variant.cached.graph] : [])];
  return {
    row: {
      ...spec,
      cache,
      refreshCalls,
      ...(conditionalRefreshes && { conditionalRefreshes: [...conditionalRefreshes] }),
      ...(cache?.schedule === 'search' && { plan: planOf(calibrated.context.sampler.timesteps, variant) }),
      calls: sampler.calls,
    },
    sampler,
    fingerprint: await fingerprintOf(work, files, [
      sampler.name,
      sampler.timesteps,
      refreshCalls,
      cache?.guidance,
      ...(variant.cached?.guidanceExtrapolation ? [variant.cached.guidanceExtrapolation] : []),
      ...(conditionalRefreshes ? [{ alone: conditionalRefreshes }] : []),
      ...(variant.cached?.smoothing ? [variant.cached.smoothing] : []),
    ]),
    denoiserBytes: await bytesOf(work, files),
    load: () => loadVariant(calibrated.context, variant),
  };
}

interface Decision {
  readonly variant: Variant;
  readonly cache: ChosenRow['cache'];
}

async function decide({ curve, bits, interval, cache }: RowSpec, whole: CalibratedModel): Promise<Decision> {
  if (isLever(curve)) {
    const variant = await leverVariant(curve, interval, whole);
    const schedule = isSearch(curve) ? 'search' : 'uniform';
    const guidance = variant.cached!.guidance ?? 'computed';
    return { variant, cache: { schedule, correction: 'forecast', outputs: 'none', guidance } };
  }
  if (!cache) return { variant: { full: INTEGER_FULL }, cache: null };
  const calibrated = atInterval(bits === 'float' ? inFloat(whole) : whole, interval);
  const { schedule, correction, outputs } = cache;
  if (schedule === 'auto' || correction === 'auto' || outputs === 'auto') return best(calibrated);
  if (bits === 'float' && correction === 'none' && interval > 1) {
    const refreshCalls = await planSchedule(calibrated, schedule, calibrated.context.refreshes);
    return {
      variant: { full: FLOAT_FULL, cached: { graph: FLOAT_CACHED, refreshCalls, anchors: 1 } },
      cache,
    };
  }
  const candidate = await candidateOf(calibrated, schedule, correction, cache.guidance);
  return { variant: await correctedVariant(calibrated, candidate, outputs), cache };
}

async function candidateOf(
  calibrated: CalibratedModel,
  schedule: ScheduleKind,
  correction: CacheCorrectionKind,
  guidance: CacheChoice['guidance'],
): Promise<Candidate> {
  if (calibrated.context.recipe.interval === 1) return buildWithoutCache(calibrated);
  const candidate = await buildCandidate(calibrated, schedule, correction);
  return (guidance === 'forecast' && (await withGuidanceForecast(calibrated, candidate))) || candidate;
}

/** With the quantization correction; ours is kept only where the calibration images get better by it. */
async function correctedVariant(
  calibrated: CalibratedModel,
  candidate: Candidate,
  outputs: CacheChoice['outputs'],
): Promise<Variant> {
  if (outputs === 'none') return candidate.variant;
  if (outputs === 'paper') return (await correctOutputs(calibrated, candidate))?.variant ?? candidate.variant;
  const smoothed = await smoothPredictions(calibrated, candidate);
  return meanOf(smoothed.psnr) > meanOf(candidate.psnr) ? smoothed.variant : candidate.variant;
}

/** What `optimize` takes. */
async function best(calibrated: CalibratedModel): Promise<Decision> {
  const { chosen, quantizationKept, variant } = await chooseVariant(calibrated);
  const outputs = quantizationKept ? 'smoothed' : 'none';
  const guidance = variant.cached?.guidance ?? 'computed';
  const schedule = chosen.schedule as ScheduleKind;
  return { variant, cache: { schedule, correction: chosen.correction, outputs, guidance } };
}

async function fingerprintOf(storage: Storage, files: readonly string[], settings: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of files) hash.update(await readFile(storage.locate!(file)!));
  return hash.digest('hex').slice(0, 24);
}

async function bytesOf(storage: Storage, files: readonly string[]): Promise<number> {
  const sizes = files.map(async (file) => (await stat(storage.locate!(file)!)).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
