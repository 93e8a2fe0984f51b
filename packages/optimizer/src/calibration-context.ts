import type { RgbImage } from '@cachequant/evaluate';
import {
  type Conditioning,
  type Denoiser,
  type DenoiserCall,
  initialNoise,
  loadGraph as loadModel,
  type SampledLatents,
  type SampleLatentsOptions,
  sampleLatents,
} from '@cachequant/pipeline';
import {
  denoiserFeeds,
  findDenoiserInputs,
  type LocateLayer,
  type SamplerLayout,
  unpackedPrediction,
} from '@cachequant/pipeline/internals';
import type { Sampler } from '@cachequant/samplers';
import {
  CacheQuantError,
  type Feeds,
  type Runtime,
  readTensor,
  type Session,
  type Storage,
  type Tensor,
} from '@cachequant/tensor';
import type { ImageConditioning } from './prepare/image-conditioning.js';
import type { Recipe } from './recipe.js';

/** The cached tensor: an output of the full graph, an input of the cached one. */
export const CACHE_NAME = 'cached_features';
export const PREVIOUS_CACHE_NAME = 'cached_features_previous';

/** One image of calibration or verification, ready to be sampled. */
export interface PreparedImage {
  readonly prompt: string;
  /** Of a model that draws classes. */
  readonly classLabel?: number | undefined;
  /** Of a model with a ControlNet. */
  readonly controlImage?: RgbImage | undefined;
  readonly seed: number;
  readonly conditioning: Conditioning;
  readonly unconditional: Conditioning | undefined;
  /** What both have of a model for inpainting: its mask and masked picture. */
  readonly inpainting?: Conditioning;
}

/** What the stages of an optimization share. */
export interface CalibrationContext {
  readonly runtime: Runtime;
  /** Intermediate results. */
  readonly work: Storage;
  readonly recipe: Recipe;
  readonly sampler: Sampler;
  /** How the sampler is laid out for the model. */
  readonly samplerLayout: SamplerLayout;
  /** The sampler with timesteps of one's own, descending, in place of its spacing. */
  readonly samplerAt: (timesteps: readonly number[]) => Sampler;
  /** As asked for; images without an unconditional half are computed without guidance. */
  readonly guidanceScale: number;
  /** [C, H, W] of one image's latents. */
  readonly latentDims: readonly [number, number, number];
  readonly refreshes: number;
  /** Name of the denoiser's prediction. */
  readonly output: string;
  /** Encodes other prompts than the prepared ones; undefined where the conditioning was given. */
  readonly conditioning: ImageConditioning | undefined;
  readonly calibration: readonly PreparedImage[];
  readonly verification: readonly PreparedImage[];
  /** Median time to encode a prompt; 0 without text. */
  readonly textEncoderMs: number;
  /** Turns final latents of one image into a picture. */
  readonly toPicture: (latents: Tensor<'float32'>) => Promise<RgbImage>;
  /** Says how far the stage that is running is. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Denoises one image from its seed; the same seed gives the same start as torch on CPU. */
export function sampleImage(
  context: CalibrationContext,
  denoiser: Denoiser,
  image: PreparedImage,
  { sampler = context.sampler, onStep }: Partial<Pick<SampleLatentsOptions, 'sampler' | 'onStep'>> = {},
): Promise<SampledLatents> {
  return sampleLatents({
    denoiser,
    sampler,
    ...initialNoise([image.seed], context.latentDims),
    conditioning: image.conditioning,
    unconditional: image.unconditional,
    guidanceScale: image.unconditional === undefined ? 1 : context.guidanceScale,
    signal: context.signal,
    ...(onStep && { onStep }),
  });
}

/** Runs every calibration image through a denoiser, or those that are named. */
export async function sampleCalibration(
  context: CalibrationContext,
  denoiser: Denoiser,
  {
    images = [...context.calibration.keys()],
    sampler = context.sampler,
    ...around
  }: {
    readonly sampler?: Sampler;
    /** Numbers of calibration images; left out: all. */
    readonly images?: readonly number[];
    before?: (image: number) => void;
    /** Waited for, so that nothing of an image is under way when the pass ends or fails. */
    after?: (image: number, latents: Tensor<'float32'>) => void | Promise<void>;
  } = {},
): Promise<void> {
  context.onProgress?.(0, images.length);
  for (const [done, image] of images.entries()) {
    around.before?.(image);
    const { latents } = await sampleImage(context, denoiser, context.calibration[image]!, { sampler });
    await around.after?.(image, latents);
    context.onProgress?.(done + 1, images.length);
  }
}

/** Runs a denoiser's graph, with further feeds, and returns the outputs asked for in memory. */
export async function runGraph(
  context: CalibrationContext,
  session: Session,
  call: DenoiserCall,
  outputs: readonly string[],
  extra: Readonly<Record<string, Tensor>> = {},
): Promise<Record<string, Tensor<'float32'>>> {
  const results = await readOutputs(context, session, callFeeds(session, call, extra), outputs);
  const prediction = results[context.output];
  if (prediction === undefined) return results;
  return { ...results, [context.output]: unpackedPrediction(prediction, call.sample.dims) };
}

/** What a denoiser's graph is fed at a call, with those further feeds that it takes. */
export function callFeeds(
  session: Session,
  call: DenoiserCall,
  extra: Readonly<Record<string, Tensor>> = {},
): Feeds {
  const inputs = findDenoiserInputs(session.inputs, [CACHE_NAME, PREVIOUS_CACHE_NAME]);
  const declared = new Set(session.inputs.map((input) => input.name));
  const known = Object.entries(extra).filter(([name]) => declared.has(name));
  return { ...denoiserFeeds(session, inputs, call), ...Object.fromEntries(known) };
}

/** Runs a graph and returns the outputs asked for in memory. */
export async function readOutputs(
  context: CalibrationContext,
  session: Session,
  feeds: Feeds,
  outputs: readonly string[],
): Promise<Record<string, Tensor<'float32'>>> {
  const results = await session.run(feeds, { outputs, ...(context.signal && { signal: context.signal }) });
  const read: Record<string, Tensor<'float32'>> = {};
  for (const name of outputs) read[name] = requireFloat(name, await readTensor(results[name]!));
  return read;
}

function requireFloat(name: string, value: Tensor): Tensor<'float32'> {
  if (value.dtype === 'float32') return value as Tensor<'float32'>;
  throw new CacheQuantError('unsupported', 'only float32 denoisers can be optimized', {
    where: name,
    got: value.dtype,
    hint: 'Export the model in float32; the integer graphs are made from it.',
  });
}

/** A denoiser made of a function, for passes that look at what happens during sampling. */
export function observingDenoiser(
  session: Session,
  predict: (call: DenoiserCall) => Promise<Tensor<'float32'>>,
  locate?: LocateLayer,
): Denoiser {
  const inputs = findDenoiserInputs(session.inputs, [CACHE_NAME, PREVIOUS_CACHE_NAME]);
  const { sample, conditioning } = inputs;
  return {
    sampleInput: session.inputs.find((input) => input.name === sample)!,
    conditioningInputs: session.inputs.filter(({ name }) => conditioning.includes(name)),
    stats: { fullCalls: 0, cachedCalls: 0 },
    kindOf: () => 'float',
    predict,
    ...(locate && {
      locateNonFinite: (call: DenoiserCall) => locate(denoiserFeeds(session, inputs, call)),
    }),
    reset() {},
    dispose: async () => {},
  };
}

/** Loads a graph of the work folder. */
export async function loadGraph(
  context: CalibrationContext,
  path: string,
  profiling = false,
): Promise<Session> {
  return loadModel(context.runtime, context.work, path, {
    profiling,
    ...(context.signal && { signal: context.signal }),
  });
}

/** Loads graphs of the work folder for as long as `use` takes; those that were loaded are freed in any case. */
export async function withGraphs<K extends string, T>(
  context: CalibrationContext,
  paths: Readonly<Record<K, string>>,
  use: (sessions: Readonly<Record<K, Session>>) => Promise<T>,
): Promise<T> {
  const sessions = {} as Record<K, Session>;
  try {
    for (const name of Object.keys(paths) as K[]) sessions[name] = await loadGraph(context, paths[name]);
    return await use(sessions);
  } finally {
    await Promise.all(Object.values<Session>(sessions).map((session) => session.dispose()));
  }
}
