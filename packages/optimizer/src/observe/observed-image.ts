import { FeatureMoments, type MomentsSnapshot } from '@cachequant/correction';
import { type ActivationGridTable, ActivationStatistics } from '@cachequant/quantizer';
import type { TwoFold } from '@cachequant/tensor';
import { SAMPLES_KEPT } from '../graphs/cached-graphs.js';
import type { TensorRecords } from '../work/tensor-records.js';
import type { FloatTrajectory } from './trajectory.js';

/** What the float model's run over one calibration image leaves behind: enough for all that is summed over images. */
export interface ObservedImage {
  readonly image: number;
  /** Of the cached tensor along this image alone. */
  readonly moments: MomentsSnapshot;
  /** What the observers gave, call after call, [calls · sites · (2 + samples)]; undefined in float. */
  readonly observations: Float32Array | undefined;
  /** Final latents. */
  readonly latents: Float32Array;
  /** Undefined where the disk limit leaves it out. */
  readonly records: TensorRecords | undefined;
}

/** What one float pass over the calibration images leaves behind. */
export interface FullObservation {
  /** Of the cached tensor; even and odd images apart, so that a fit can be checked on what it has not seen. */
  readonly moments: TwoFold<MomentsSnapshot>;
  readonly grids: ActivationGridTable | undefined;
  /** Final latents of the calibration images, one behind another. */
  readonly latents: Float32Array;
  readonly trajectory: FloatTrajectory;
}

/**
 * Sums what images leave behind. Floating-point sums depend on their order, so images are added in theirs, whoever has
 * observed them: one run, or shards of one.
 */
export class ObservationSums {
  readonly #statistics: ActivationStatistics | undefined;
  readonly #latents: Float32Array[] = [];
  readonly #records: TensorRecords[] = [];
  #halves: TwoFold<FeatureMoments> | undefined;

  /** @param sites tensors whose activations the observers report; none in float */
  constructor(
    private readonly calls: number,
    sites: readonly string[],
  ) {
    this.#statistics = sites.length > 0 ? new ActivationStatistics(calls, sites, SAMPLES_KEPT) : undefined;
  }

  /** Adds the next image. */
  add({ image, moments, observations, latents, records }: ObservedImage): void {
    this.#halves ??= [new FeatureMoments(moments), new FeatureMoments(moments)];
    this.#halves[image % 2]!.merge(FeatureMoments.restore(moments));
    if (observations) this.#record(observations);
    this.#latents.push(latents);
    if (records) this.#records.push(records);
  }

  result(): FullObservation {
    const [even, odd] = this.#halves!;
    return {
      moments: [even.snapshot(), odd.snapshot()],
      grids: this.#statistics?.grids(),
      latents: joined(this.#latents),
      trajectory: { images: this.#records },
    };
  }

  #record(observations: Float32Array): void {
    const size = observations.length / this.calls;
    for (let call = 0; call < this.calls; call++) {
      this.#statistics?.record(call, observations.subarray(call * size, (call + 1) * size));
    }
  }
}

/** Arrays one behind another. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
