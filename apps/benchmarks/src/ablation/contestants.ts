import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { meanOf } from '@cachequant/evaluate';
import {
  buildCandidate,
  buildWithoutCache,
  type Candidate,
  chooseVariant,
  correctOutputs,
  FLOAT_CACHED,
  FLOAT_FULL,
  floatStudy,
  INTEGER_FULL,
  loadVariant,
  planSchedule,
  type Study,
  smoothPredictions,
  studyAt,
  type Variant,
  withGuidanceForecast,
} from '@cachequant/optimizer/experiments';
import {
  type CacheCorrectionKind,
  type Denoiser,
  floatDenoiser,
  loadGraph,
  type ScheduleKind,
} from '@cachequant/pipeline';
import { createSampler, type Sampler } from '@cachequant/samplers';
import type { Runtime, Storage } from '@cachequant/tensor';
import type { CacheChoice, ChosenRow } from './results.js';
import type { RowSpec } from './rows.js';

/** A row with everything decided, ready to be loaded. */
export interface Contestant {
  readonly row: ChosenRow;
  readonly sampler: Sampler;
  /** Of everything that its pictures depend on, apart from prompts and seeds. */
  readonly fingerprint: string;
  load(): Promise<Denoiser>;
}

/** The float model as it came, with any sampler. */
export async function floatContestant(
  spec: RowSpec,
  { runtime, model, schedulerConfig }: { runtime: Runtime; model: Storage; schedulerConfig: unknown },
): Promise<Contestant> {
  const sampler = createSampler(schedulerConfig, { sampler: spec.sampler, steps: spec.steps });
  const graph = 'unet/model.onnx';
  return {
    row: { ...spec, cache: null, refreshSteps: null, calls: sampler.calls },
    sampler,
    fingerprint: await fingerprintOf(model, [graph], [sampler.name, sampler.timesteps]),
    load: async () => floatDenoiser(await loadGraph(runtime, model, graph)),
  };
}

/** A row whose graphs come from a study: with a cache, with integers, or both. */
export async function studiedContestant(spec: RowSpec, study: Study): Promise<Contestant> {
  const { variant, cache } = await decide(spec, study);
  const { sampler, work } = study.lab;
  const refreshSteps = variant.cached ? [...variant.cached.refreshSteps] : null;
  const folder = path.posix.dirname(variant.full);
  const files = [variant.full, `${folder}/weights.bin`, ...(variant.cached ? [variant.cached.graph] : [])];
  return {
    row: { ...spec, cache, refreshSteps, calls: sampler.calls },
    sampler,
    fingerprint: await fingerprintOf(work, files, [
      sampler.name,
      sampler.timesteps,
      refreshSteps,
      cache?.guidance,
      ...(variant.cached?.guidanceReach ? [variant.cached.guidanceReach] : []),
      ...(variant.cached?.smoothing ? [variant.cached.smoothing] : []),
    ]),
    load: () => loadVariant(study.lab, variant),
  };
}

interface Decision {
  readonly variant: Variant;
  readonly cache: ChosenRow['cache'];
}

async function decide({ bits, interval, cache }: RowSpec, whole: Study): Promise<Decision> {
  if (!cache) return { variant: { full: INTEGER_FULL }, cache: null };
  const study = studyAt(bits === 'float' ? floatStudy(whole) : whole, interval);
  const { schedule, correction, outputs } = cache;
  if (schedule === 'auto' || correction === 'auto' || outputs === 'auto') return best(study);
  if (bits === 'float' && correction === 'none' && interval > 1) {
    const refreshSteps = await planSchedule(study, schedule, study.lab.refreshes);
    return {
      variant: { full: FLOAT_FULL, cached: { graph: FLOAT_CACHED, refreshSteps, anchors: 1 } },
      cache,
    };
  }
  const candidate = await candidateOf(study, schedule, correction, cache.guidance);
  return { variant: await correctedVariant(study, candidate, outputs), cache };
}

async function candidateOf(
  study: Study,
  schedule: ScheduleKind,
  correction: CacheCorrectionKind,
  guidance: CacheChoice['guidance'],
): Promise<Candidate> {
  if (study.lab.recipe.interval === 1) return buildWithoutCache(study);
  const candidate = await buildCandidate(study, schedule, correction);
  return (guidance === 'forecast' && (await withGuidanceForecast(study, candidate))) || candidate;
}

/** With the quantization correction; ours is kept only where the calibration images get better by it. */
async function correctedVariant(
  study: Study,
  candidate: Candidate,
  outputs: CacheChoice['outputs'],
): Promise<Variant> {
  if (outputs === 'none') return candidate.variant;
  if (outputs === 'paper') return (await correctOutputs(study, candidate))?.variant ?? candidate.variant;
  const smoothed = await smoothPredictions(study, candidate);
  return meanOf(smoothed.psnr) > meanOf(candidate.psnr) ? smoothed.variant : candidate.variant;
}

/** What `optimize` takes. */
async function best(study: Study): Promise<Decision> {
  const { chosen, quantizationKept, variant } = await chooseVariant(study);
  const outputs = quantizationKept ? 'smoothed' : 'none';
  const guidance = variant.cached?.guidance ?? 'computed';
  return { variant, cache: { schedule: chosen.schedule, correction: chosen.correction, outputs, guidance } };
}

async function fingerprintOf(storage: Storage, files: readonly string[], settings: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of files) hash.update(await readFile(storage.locate!(file)!));
  return hash.digest('hex').slice(0, 24);
}
