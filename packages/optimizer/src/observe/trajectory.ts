import {
  type Conditioning,
  concatConditioning,
  type DenoiserCall,
  isGuided,
} from '@cachequant/pipeline/internals';
import type { Tensor } from '@cachequant/tensor';
import { tensor, throwIfAborted } from '@cachequant/tensor';
import { CACHE_NAME, type CalibrationContext, PREVIOUS_CACHE_NAME } from '../calibration-context.js';
import { readRecord, recordBytes, TensorRecorder, type TensorRecords } from '../work/tensor-records.js';

/**
 * What the float model was given, cached and predicted, at every call of the first calibration images, on disk.
 *
 * All later passes replay it, so that none of them has to load the float model beside another one, and the
 * float model runs over the calibration images once.
 */
export interface FloatTrajectory {
  /** One file for each image; a record is the sample, the cached tensor and the prediction of one call. */
  readonly images: readonly TensorRecords[];
}

type Floats = Tensor<'float32'>;

/** Files of trajectories take no more disk than this, unless two images need more. */
const DISK_LIMIT = 4 * 2 ** 30;
/** A fit is made on even images and checked on odd ones. */
const LEAST_IMAGES = 2;

/** Records the trajectories of as many images as the disk limit allows. */
export class TrajectoryRecorder {
  readonly #images: TensorRecords[] = [];
  #recorder: TensorRecorder | undefined;
  #bytes = 0;

  constructor(
    private readonly context: CalibrationContext,
    private readonly limit = DISK_LIMIT,
  ) {}

  begin(image: number): void {
    const average = this.#bytes / Math.max(1, this.#images.length);
    const fits = image < LEAST_IMAGES || this.#bytes + average <= this.limit;
    const path = `float/trajectory/${image}.bin`;
    this.#recorder = fits ? new TensorRecorder(this.context.work, path) : undefined;
  }

  async add(...record: readonly [sample: Floats, features: Floats, prediction: Floats]): Promise<void> {
    await this.#recorder?.add(record);
  }

  async end(): Promise<void> {
    if (!this.#recorder) return;
    const records = await this.#recorder.finish();
    this.#images.push(records);
    this.#bytes += records.count * recordBytes(records);
  }

  finish(): FloatTrajectory {
    return { images: this.#images };
  }

  abort(): Promise<void> {
    return this.#recorder?.abort() ?? Promise.resolve();
  }
}

/** One call of the float model, as it was. */
export interface ReplayedCall {
  readonly image: number;
  /** With both halves of guidance as one batch. */
  readonly call: DenoiserCall;
  /** What each half was given, [1, C, H, W]. */
  readonly sample: Floats;
  /** The float model's cached tensor. */
  readonly features: Floats;
  /** The float model's prediction, before guidance. */
  readonly prediction: Floats;
}

/**
 * Replays calls of the recorded images, image by image, in order.
 * @param calls left out: all of them
 */
export async function* replay(
  context: CalibrationContext,
  { images }: FloatTrajectory,
  calls: readonly number[] = context.sampler.timesteps.map((_, call) => call),
): AsyncGenerator<ReplayedCall> {
  for (const image of images.keys()) {
    context.onProgress?.(image, images.length);
    for (const call of calls) yield recordedCall(context, { images }, image, call);
  }
  context.onProgress?.(images.length, images.length);
}

/** Reads one recorded call. */
export async function recordedCall(
  context: CalibrationContext,
  { images }: FloatTrajectory,
  image: number,
  call: number,
): Promise<ReplayedCall> {
  throwIfAborted(context.signal);
  const [sample, features, prediction] = (await readRecord(context.work, images[image]!, call)) as [
    Floats,
    Floats,
    Floats,
  ];
  const timestep = context.sampler.timesteps[call]!;
  return {
    image,
    call: { call, timestep, sample, conditioning: conditioningOf(context, image) },
    sample: firstOf(sample),
    features,
    prediction,
  };
}

/** The first of a batch, as a view. */
function firstOf({ dims, data }: Floats): Floats {
  return tensor('float32', [1, ...dims.slice(1)], data.subarray(0, data.length / dims[0]!));
}

function conditioningOf({ calibration, guidanceScale }: CalibrationContext, image: number): Conditioning {
  const { conditioning, unconditional } = calibration[image]!;
  return isGuided(guidanceScale) && unconditional
    ? concatConditioning(unconditional, conditioning)
    : conditioning;
}

/** Calls that are no refreshes, ascending. */
export function cachedCalls(context: CalibrationContext, refreshCalls: readonly number[]): number[] {
  const refreshes = new Set(refreshCalls);
  return Array.from({ length: context.sampler.calls }, (_, call) => call).filter(
    (call) => !refreshes.has(call),
  );
}

/** What the cached graph is given in float: the cached tensors of the last two refreshes before a call. */
export function anchorFeeds(
  context: CalibrationContext,
  { images }: FloatTrajectory,
  refreshCalls: readonly number[],
): (replayed: ReplayedCall) => Promise<Record<string, Tensor>> {
  return async ({ image, call }) => {
    const [newest, previous] = anchorCalls(refreshCalls, call.call);
    const featuresAt = async (at: number) => (await readRecord(context.work, images[image]!, at))[1]!;
    return { [CACHE_NAME]: await featuresAt(newest), [PREVIOUS_CACHE_NAME]: await featuresAt(previous) };
  };
}

/** The last refresh before a call and the one before that; the first, or the call itself, stands for those missing. */
export function anchorCalls(refreshCalls: readonly number[], call: number): readonly [number, number] {
  const earlier = refreshCalls.filter((step) => step < call);
  const newest = earlier.at(-1) ?? call;
  return [newest, earlier.at(-2) ?? newest];
}
