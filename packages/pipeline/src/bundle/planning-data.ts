import { FeatureMoments, type MomentsSnapshot, type StoredSums } from '@cachequant/correction';
import type { DistanceTable } from '@cachequant/scheduler';
import type { Storage } from '@cachequant/tensor';
import { loadArtifact, saveArtifact } from './artifact.js';
import type { BundleManifest } from './manifest.js';

/** The folder of a bundle that planning anew reads, and making images does not. */
export const PLANNING_FOLDER = 'planning/';
const ARTIFACT = `${PLANNING_FOLDER}moments`;

/** What was observed of the cached tensor: enough for every schedule and every cache correction. */
export interface PlanningData {
  /** Of what a cached call is really given. */
  readonly moments: FeatureMoments;
  /** Summed L1 distances of the float model's cached tensor. */
  readonly distances: DistanceTable;
  /** The pulls towards plain extrapolation that generalized best: for planning, and for fitting a plan. */
  readonly shrinkage: Shrinkage;
}

interface Shrinkage {
  readonly schedule: number;
  readonly fit: number;
}

type Numbers = Float32Array | Float64Array;

interface Stored {
  readonly moments: Omit<MomentsSnapshot, 'sums'> & { readonly sums: Record<string, Numbers> };
  readonly distances: { readonly calls: number; readonly window: number; readonly distance: Numbers };
  readonly shrinkage: Shrinkage;
}

/** Writes them in single precision: sums of squares keep seven digits, residuals three or more. */
export async function writePlanningData(out: Storage, data: PlanningData): Promise<void> {
  const snapshot = data.moments.snapshot();
  const sums = Object.fromEntries(
    Object.entries(snapshot.sums).map(([name, values]) => [name, Float32Array.from(values)]),
  );
  const distances = { ...data.distances, distance: Float32Array.from(data.distances.distance) };
  const stored: Stored = { moments: { ...snapshot, sums }, distances, shrinkage: data.shrinkage };
  await saveArtifact(out, ARTIFACT, stored);
}

/**
 * @returns undefined for a bundle without them, as earlier versions wrote
 * @throws CacheQuantError `storage` when the file is damaged, `shape` when it is another model's
 */
export async function readPlanningData(
  storage: Storage,
  { files }: BundleManifest,
): Promise<PlanningData | undefined> {
  if (!(`${ARTIFACT}.json` in files)) return undefined;
  const stored = await loadArtifact<Stored>(storage, ARTIFACT);
  if (stored === undefined) return undefined;
  const sums = Object.fromEntries(
    Object.entries(stored.moments.sums).map(([name, values]) => [name, Float64Array.from(values)]),
  ) as unknown as StoredSums;
  const { distances, shrinkage } = stored;
  return {
    moments: FeatureMoments.restore({ ...stored.moments, sums }),
    distances: { ...distances, distance: Float64Array.from(distances.distance) },
    shrinkage,
  };
}
