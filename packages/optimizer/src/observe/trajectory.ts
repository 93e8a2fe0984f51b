import type { Conditioning, DenoiserCall } from '@cachequant/pipeline';
import { concatConditioning, isGuided } from '@cachequant/pipeline/internals';
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

/** Where the trajectory of an image is, in the work folder. */
function trajectoryFile(image: number): string {
  return `float/trajectory/${image}.bin`;
}

/** Records the trajectories of as many images as the disk limit allows. */
export class TrajectoryRecorder {
  #image = 0;
  #recorder: TensorRecorder | undefined;

  constructor(
    private readonly context: CalibrationContext,
    private readonly limit = DISK_LIMIT,
  ) {}

  begin(image: number): void {
    this.#image = image;
    this.#recorder = undefined;
  }

  async add(...record: readonly [sample: Floats, features: Floats, prediction: Floats]): Promise<void> {
    if (!this.#fits(record)) return;
    this.#recorder ??= new TensorRecorder(this.context.work, trajectoryFile(this.#image));
    await this.#recorder.add(record);
  }

  /** @returns undefined for an image that there was no room for */
  async end(): Promise<TensorRecords | undefined> {
    return this.#recorder?.finish();
  }

  /** All images are of one size, so the number of an image says whether it and those before it fit. */
  #fits(record: readonly Floats[]): boolean {
    const bytes = this.context.sampler.calls * recordBytes({ dims: record.map(({ dims }) => dims) });
    return this.#image < LEAST_IMAGES || (this.#image + 1) * bytes <= this.limit;
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
