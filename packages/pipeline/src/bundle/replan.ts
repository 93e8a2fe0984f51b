import {
  cacheCorrectionColumns,
  type FeatureMoments,
  type ForecastTables,
  forecastResiduals,
  replaceCacheCorrection,
} from '@cachequant/correction';
import { type OnnxModel, readModel, writeModel } from '@cachequant/onnx';
import { refreshesFor } from '@cachequant/scheduler';
import { CacheQuantError, finish, memoryStorage, type Storage, writeFile } from '@cachequant/tensor';
import { fitCache } from '../cache-plan/cache-fit.js';
import type { CacheCorrectionKind, ScheduleKind } from '../cache-plan/kinds.js';
import { makeSchedule } from '../cache-plan/schedules.js';
import { MANIFEST } from './bundle-folder.js';
import { hashFile } from './fingerprint.js';
import { type BundleManifest, sealManifest } from './manifest.js';
import { overlayStorage } from './overlay-storage.js';
import { type PlanningData, readPlanningData } from './planning-data.js';

/** The settings to plan for. */
export interface ReplanOptions {
  /** Mean number of calls from one refresh to the next. */
  readonly interval: number;
  readonly correction: CacheCorrectionKind;
  readonly schedule: ScheduleKind;
}

/** A schedule with its correction, from what was observed; not yet in a graph. */
export interface Replan extends ReplanOptions {
  readonly refreshCalls: readonly number[];
  readonly tables: ForecastTables;
  /**
   * Root mean square that each call's features are off on the calibration images, relative to the features; at a
   * refresh, what quantization leaves.
   */
  readonly expectedError: readonly number[];
}

/** Replans a bundle, in milliseconds and without its model. */
export interface BundlePlanner {
  /** The longest interval that was observed far enough. */
  readonly longestInterval: number;
  /** What the bundle's graph has room for. */
  readonly corrections: readonly CacheCorrectionKind[];
  /**
   * Plans the refreshes and the correction for other settings, from the moments in the bundle.
   * @throws CacheQuantError `infeasible-schedule`, `invalid-argument`
   */
  plan(options: ReplanOptions): Replan;
  /** The bundle with a plan in place of its own: one small graph and the manifest are new, weights are shared. */
  apply(plan: Replan): Promise<Storage>;
}

/**
 * Opens what is needed to replan a bundle.
 * @returns undefined when the bundle holds no moments
 */
export async function openPlanner(
  storage: Storage,
  manifest: BundleManifest,
): Promise<BundlePlanner | undefined> {
  const data = await readPlanningData(storage, manifest);
  if (data === undefined) return undefined;
  const cached = await readModel(storage, manifest.denoiser.cached.file);
  const corrections = possibleCorrections(cached, data);
  return {
    longestInterval: Math.floor(data.moments.window / 2),
    corrections,
    plan: (options) => plan(options, data, manifest),
    apply: (made) => apply(made, { storage, manifest, cached, corrections }),
  };
}

/** What the graph has columns for, and what was observed for it. */
function possibleCorrections(cached: OnnxModel, { features }: PlanningData): CacheCorrectionKind[] {
  const columns = cacheCorrectionColumns(cached);
  const scales = columns.includes('a0') && columns.includes('b');
  return [
    ...(scales && columns.includes('a1') ? ['forecast' as const] : []),
    ...(scales && features ? ['paper' as const] : []),
    'none',
  ];
}

function plan(options: ReplanOptions, data: PlanningData, { sampler }: BundleManifest): Replan {
  const { interval, correction, schedule } = options;
  const { moments, shrinkage } = data;
  const refreshCalls = finish(
    makeSchedule(schedule, {
      calls: sampler.calls,
      interval,
      refreshes: refreshesFor(sampler.steps, interval),
      distances: data.distances,
      anchors: moments,
      shrinkage: shrinkage.schedule,
    }),
  );
  const features = data.features ?? moments;
  const tables = fitCache(correction, refreshCalls, { features, anchors: moments, shrinkage: shrinkage.fit });
  return { ...options, refreshCalls, tables, expectedError: relativeErrors(tables, moments) };
}

function relativeErrors(tables: ForecastTables, moments: FeatureMoments): number[] {
  const { channels, samples, sums } = moments;
  return [...forecastResiduals(tables, moments)].map((residual, call) => {
    let square = 0;
    for (let c = 0; c < channels; c++) square += sums.targetSquare[call * channels + c]!;
    return square === 0 ? 0 : Math.sqrt(Math.max(0, residual) / (square / (samples * channels)));
  });
}

interface Opened {
  readonly storage: Storage;
  readonly manifest: BundleManifest;
  readonly cached: OnnxModel;
  readonly corrections: readonly CacheCorrectionKind[];
}

async function apply(made: Replan, { storage, manifest, cached, corrections }: Opened): Promise<Storage> {
  if (!corrections.includes(made.correction)) {
    throw new CacheQuantError('unsupported', 'the graph of the bundle has no room for this correction', {
      where: 'correction',
      expected: corrections.join(', '),
      got: made.correction,
      hint: 'Optimize the model again with cacheCorrection: forecast',
    });
  }
  const top = memoryStorage();
  const { file } = manifest.denoiser.cached;
  await writeModel(top, file, besideItsWeights(await replaceCacheCorrection(cached, made.tables)));
  const files = {
    ...manifest.files,
    [file]: { bytes: (await top.stat(file))!.size, sha256: await hashFile(top, file) },
  };
  const schedule = {
    kind: made.schedule,
    interval: made.interval,
    refreshCalls: [...made.refreshCalls],
  };
  const own = {
    ...manifest,
    // Their graphs have the tables of the schedule before.
    sizes: [],
    files,
    schedule,
    corrections: {
      ...manifest.corrections,
      cache: made.correction,
      ...(!isOwn(made, manifest) && FITTED_TO_NOTHING),
    },
  };
  await writeFile(top, MANIFEST, sealManifest(own));
  return overlayStorage(storage, top);
}

/** What was fitted along the bundle's own schedule is of no use for another. */
const FITTED_TO_NOTHING = { guidanceExtrapolation: undefined, smoothing: undefined };

function isOwn({ refreshCalls, correction }: Replan, { schedule, corrections }: BundleManifest): boolean {
  return correction === corrections.cache && refreshCalls.join() === schedule.refreshCalls.join();
}

/** The graph with its weights where they lie in the files beside it. */
function besideItsWeights(cached: OnnxModel): OnnxModel {
  const initializers = new Map(cached.graph.initializers);
  for (const [name, weight] of initializers) {
    const { data } = weight;
    if (data.kind !== 'range' || data.source.name.endsWith('.onnx')) continue;
    const location = data.source.name.slice(data.source.name.lastIndexOf('/') + 1);
    const { offset, length } = data;
    initializers.set(name, { ...weight, data: { kind: 'external', location, offset, length } });
  }
  return { ...cached, graph: { ...cached.graph, initializers } };
}
