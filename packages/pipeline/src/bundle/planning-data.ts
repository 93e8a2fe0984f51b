import { FeatureMoments, type MomentsSnapshot, type StoredSums } from '@cachequant/correction';
import type { DistanceTable } from '@cachequant/scheduler';
import type { Storage } from '@cachequant/tensor';
import { loadArtifact, saveArtifact } from './artifact.js';
import type { BundleManifest } from './manifest.js';

/** The folder of a bundle that replanning reads, and making images does not. */
export const PLANNING_FOLDER = 'planning/';
const ARTIFACT = `${PLANNING_FOLDER}moments`;

/** What was observed of the cached tensor: enough for every schedule and every cache correction. */
export interface PlanningData {
  /** Of what a cached call is really given. */
  readonly moments: FeatureMoments;
  /**
   * Of the float model's cached tensor, which the paper's correction is fitted on; undefined in bundles of earlier
   * versions whose model is quantized. The same as `moments` without integers.
   */
  readonly features: FeatureMoments | undefined;
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

type StoredMoments = Omit<MomentsSnapshot, 'sums'> & { readonly sums: Record<string, Numbers> };

interface Stored {
  readonly moments: StoredMoments;
  /** `same` as the moments. */
  readonly features?: StoredMoments | 'same';
  readonly distances: { readonly calls: number; readonly window: number; readonly distance: Numbers };
  readonly shrinkage: Shrinkage;
}

/** Writes them in single precision: sums of squares keep seven digits, residuals three or more. */
export async function writePlanningData(out: Storage, data: PlanningData): Promise<void> {
  const { moments, features, shrinkage } = data;
  const distances = { ...data.distances, distance: Float32Array.from(data.distances.distance) };
  const stored: Stored = {
    moments: storedMoments(moments),
    ...(features && { features: features === moments ? 'same' : storedMoments(features) }),
    distances,
    shrinkage,
  };
  await saveArtifact(out, ARTIFACT, stored);
}

/**
 * @returns undefined for a bundle without them, as earlier versions wrote
 * @throws CacheQuantError `storage` when the file is damaged, `shape` when it is another model's
 */
export async function readPlanningData(
  storage: Storage,
  { files, bits }: BundleManifest,
): Promise<PlanningData | undefined> {
  if (!Object.hasOwn(files, `${ARTIFACT}.json`)) return undefined;
  const stored = await loadArtifact<Stored>(storage, ARTIFACT);
  if (stored === undefined) return undefined;
  const { distances, shrinkage } = stored;
  const moments = restoredMoments(stored.moments);
  const features = stored.features ?? (bits.target === 'float' ? 'same' : undefined);
  return {
    moments,
    features: features === 'same' ? moments : features && restoredMoments(features),
    distances: { ...distances, distance: Float64Array.from(distances.distance) },
    shrinkage,
  };
}

function storedMoments(moments: FeatureMoments): StoredMoments {
  const snapshot = moments.snapshot();
  const sums = Object.entries(snapshot.sums).map(([name, values]) => [name, Float32Array.from(values)]);
  return { ...snapshot, sums: Object.fromEntries(sums) };
}

function restoredMoments(stored: StoredMoments): FeatureMoments {
  const sums = Object.entries(stored.sums).map(([name, values]) => [name, Float64Array.from(values)]);
  return FeatureMoments.restore({ ...stored, sums: Object.fromEntries(sums) as unknown as StoredSums });
}
