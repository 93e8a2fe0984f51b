import {
  type FeatureMoments,
  type ForecastTables,
  fitCacheCorrection,
  forecastResiduals,
  pureForecast,
} from '@cachequant/correction';
import { type OnnxModel, readModel, readWeight, TABLE_PREFIX, weightOf, writeModel } from '@cachequant/onnx';
import { refreshesFor } from '@cachequant/scheduler';
import { CacheQuantError, memoryStorage, type Storage, tensor, writeFile } from '@cachequant/tensor';
import type { CacheCorrectionKind, ScheduleKind } from '../cache-plan/kinds.js';
import { makeSchedule } from '../cache-plan/schedules.js';
import { hashFile } from './fingerprint.js';
import { type BundleManifest, MANIFEST } from './manifest.js';
import { overlayStorage } from './overlay-storage.js';
import { type PlanningData, readPlanningData } from './planning-data.js';

const CORRECTION_TABLE = `${TABLE_PREFIX}cache_correction`;

export interface ReplanOptions {
  /** Mean number of calls from one refresh to the next. */
  readonly interval: number;
  readonly correction: CacheCorrectionKind;
  readonly schedule: ScheduleKind;
}

/** A schedule with its correction, from what was observed; not yet in a graph. */
export interface Replan extends ReplanOptions {
  readonly refreshSteps: readonly number[];
  readonly tables: ForecastTables;
  /**
   * Root mean square that each call's features are off on the calibration images, relative to the features; at a
   * refresh, what quantization leaves.
   */
  readonly expectedError: readonly number[];
}

/** Plans a bundle anew, in milliseconds and without its model. */
export interface BundlePlanner {
  /** The longest interval that was observed far enough. */
  readonly longestInterval: number;
  /** What the bundle's graph has room for. */
  readonly corrections: readonly CacheCorrectionKind[];
  /** @throws CacheQuantError `infeasible-schedule`, `invalid-argument` */
  plan(options: ReplanOptions): Replan;
  /** The bundle with a plan in place of its own: one small graph and the manifest are new, weights are shared. */
  apply(plan: Replan): Promise<Storage>;
}

/**
 * Opens what is needed to plan a bundle anew.
 * @returns undefined when the bundle holds no moments
 */
export async function openPlanner(
  storage: Storage,
  manifest: BundleManifest,
): Promise<BundlePlanner | undefined> {
  const data = await readPlanningData(storage, manifest);
  if (data === undefined) return undefined;
  const cached = await readModel(storage, manifest.denoiser.cached.file);
  const corrections = roomFor(cached, data.moments.channels);
  return {
    longestInterval: Math.floor(data.moments.window / 2),
    corrections,
    plan: (options) => plan(options, data, manifest),
    apply: (made) => apply(made, { storage, manifest, cached, corrections }),
  };
}

/** The table has a column of scales, then of second scales, then of offsets, as far as they were needed. */
function roomFor({ graph }: OnnxModel, channels: number): CacheCorrectionKind[] {
  const columns = (graph.initializers.get(CORRECTION_TABLE)?.dims.at(-1) ?? 0) / channels;
  if (columns === 3) return ['forecast', 'paper', 'none'];
  return columns === 2 ? ['paper', 'none'] : ['none'];
}

function plan(options: ReplanOptions, data: PlanningData, { sampler }: BundleManifest): Replan {
  const { interval, correction, schedule } = options;
  const { moments, shrinkage } = data;
  const refreshSteps = makeSchedule(schedule, {
    calls: sampler.calls,
    interval,
    refreshes: refreshesFor(sampler.steps, interval),
    distances: data.distances,
    anchors: moments,
    shrinkage: shrinkage.schedule,
  });
  const fit = { refreshSteps, prior: 'extrapolation', shrinkage: shrinkage.fit } as const;
  const tables =
    correction === 'forecast'
      ? fitCacheCorrection(moments, { ...fit, anchors: 2 })
      : correction === 'paper'
        ? fitCacheCorrection(moments, { refreshSteps, anchors: 1, shrinkage: 0 })
        : pureForecast({
            calls: moments.calls,
            channels: moments.channels,
            refreshSteps,
            prior: 'reuse',
          });
  return { ...options, refreshSteps, tables, expectedError: relativeErrors(tables, moments) };
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
  await writeModel(top, file, await withTables(cached, made.tables));
  const files = {
    ...manifest.files,
    [file]: { bytes: (await top.stat(file))!.size, sha256: await hashFile(top, file) },
  };
  const schedule = {
    kind: made.schedule,
    interval: made.interval,
    refreshSteps: [...made.refreshSteps],
  };
  const own = {
    ...manifest,
    files,
    schedule,
    corrections: {
      ...manifest.corrections,
      cache: made.correction,
      ...(!isOwn(made, manifest) && FITTED_TO_NOTHING),
    },
  };
  await writeFile(top, MANIFEST, JSON.stringify(own));
  return overlayStorage(storage, top);
}

/** What was fitted along the bundle's own schedule is of no use for another. */
const FITTED_TO_NOTHING = { guidanceReach: undefined, smoothing: undefined };

function isOwn({ refreshSteps, correction }: Replan, { schedule, corrections }: BundleManifest): boolean {
  return correction === corrections.cache && refreshSteps.join() === schedule.refreshSteps.join();
}

/** The graph with other numbers in its correction table; weights stay in the files beside it. */
async function withTables(cached: OnnxModel, tables: ForecastTables): Promise<OnnxModel> {
  const initializers = new Map(cached.graph.initializers);
  for (const [name, weight] of initializers) {
    const { data } = weight;
    if (data.kind !== 'range' || data.source.name.endsWith('.onnx')) continue;
    const location = data.source.name.slice(data.source.name.lastIndexOf('/') + 1);
    const { offset, length } = data;
    initializers.set(name, { ...weight, data: { kind: 'external', location, offset, length } });
  }
  const before = cached.graph.initializers.get(CORRECTION_TABLE);
  if (before !== undefined) {
    const { dims } = await readWeight(before);
    const columns =
      dims[1] === 3 * tables.channels ? [tables.a0, tables.a1, tables.b] : [tables.a0, tables.b];
    const values = joinColumns(columns, tables);
    initializers.set(CORRECTION_TABLE, weightOf(tensor('float32', dims, values), CORRECTION_TABLE));
  }
  return { ...cached, graph: { ...cached.graph, initializers } };
}

function joinColumns(columns: readonly Float32Array[], { calls, channels }: ForecastTables): Float32Array {
  const width = columns.length * channels;
  const joined = new Float32Array(calls * width);
  for (let call = 0; call < calls; call++) {
    for (const [i, values] of columns.entries()) {
      joined.set(values.subarray(call * channels, (call + 1) * channels), call * width + i * channels);
    }
  }
  return joined;
}
