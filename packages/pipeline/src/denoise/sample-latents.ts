import type { Sampler, SamplerState } from '@cachequant/samplers';
import { CacheQuantError, type Tensor, tensor, throwIfAborted } from '@cachequant/tensor';
import { allFinite } from '../model/non-finite.js';
import { type ConditioningWindow, isWithin, outside } from './conditioning-window.js';
import type { CallKind, Conditioning, Denoiser } from './denoiser.js';
import { type Guidance, guidedPrediction, withJoinedConditioning } from './guidance.js';
import { GuidanceForecast } from './guidance-forecast.js';
import type { NoiseSource } from './initial-noise.js';
import { type PictureStart, startState, withPictureBack } from './picture-start.js';
import { PredictionSmoothing } from './prediction-smoothing.js';

/** One network call that is done; with guidance run in halves, both halves. */
export interface CallTiming {
  readonly kind: CallKind;
  readonly ms: number;
}

/** Where sampling stands after a network call. */
export interface SamplingStep extends CallTiming {
  /** How many calls of the run were made before the one that was just made. */
  readonly call: number;
  /** How many calls the run makes; a run that changes a picture makes the last ones of the sampler. */
  readonly calls: number;
  readonly timestep: number;
  /** [B, C, H, W], the sampler's state after the call. */
  readonly latents: Tensor<'float32'>;
}

/** Everything that a sampling loop needs; see {@link sampleLatents}. */
export interface SampleLatentsOptions {
  readonly denoiser: Denoiser;
  readonly sampler: Sampler;
  /** Unit normal noise [B, C, H, W]; the sampler scales it. */
  readonly noise: Tensor<'float32'>;
  /** One for each image, from which samplers that are stochastic draw; goes on where `noise` left off. */
  readonly generators?: readonly NoiseSource[];
  /** Tensors [B, …]. */
  readonly conditioning: Conditioning;
  /** Tensors [B, …]; needed when `guidanceScale` is above 1. */
  readonly unconditional?: Conditioning | undefined;
  /** Up to 1, the default, there is no guidance. */
  readonly guidanceScale?: number;
  readonly halves?: Guidance['halves'];
  /** What of the conditioning holds at some calls alone; left out: all of it at every call. */
  readonly window?: ConditioningWindow | undefined;
  /** For a run that changes pictures; left out: it begins with noise alone. */
  readonly picture?: PictureStart | undefined;
  /** The call before which the run ends, with latents that are not clean; left out: the sampler's last one is made. */
  readonly endCall?: number | undefined;
  /** Called after each network call, and waited for. */
  readonly onStep?: (step: SamplingStep) => void | Promise<void>;
  /** Looked at before each network call. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
}

/** The latents of a sampling loop, and the time of each of its calls. */
export interface SampledLatents {
  /** [B, C, H, W]. */
  readonly latents: Tensor<'float32'>;
  readonly calls: readonly CallTiming[];
}

/**
 * Denoises a batch from noise to clean latents. Every image has a sampler state of its own, so a batch gives
 * what its images would give alone, up to the rounding of the runtime.
 * @throws CacheQuantError `shape`, `invalid-argument`, `runtime`, `non-finite` (naming the first call, and the layer where
 * it can be told), `aborted` (within one network call)
 */
export async function sampleLatents(options: SampleLatentsOptions): Promise<SampledLatents> {
  const { sampler, noise, signal, onStep, now = () => performance.now() } = options;
  const { picture, window, endCall = sampler.calls } = options;
  const first = picture?.firstCall ?? 0;
  const denoiser = options.denoiser.forTimesteps?.(sampler.timesteps, first) ?? options.denoiser;
  const generators = checkGenerators(options);
  const guidance = withJoinedConditioning({
    conditional: options.conditioning,
    unconditional: options.unconditional,
    scale: options.guidanceScale ?? 1,
    halves: options.halves ?? 'together',
    ...(denoiser.conditionalAlone && { forecast: new GuidanceForecast(denoiser.guidanceExtrapolation) }),
  });
  const silent =
    window &&
    withJoinedConditioning({
      ...guidance,
      joined: undefined,
      conditional: outside(guidance.conditional, window),
      unconditional: outside(guidance.unconditional, window),
    });
  const smoothing = denoiser.smoothing && new PredictionSmoothing(denoiser.smoothing);
  denoiser.reset();
  const noises = splitImages(noise);
  const clean = picture && splitImages(picture.clean);
  let states = noises.map((image, i) => startState(sampler, image, clean?.[i], picture));
  const calls: CallTiming[] = [];
  for (const [call, timestep] of sampler.timesteps.entries()) {
    if (call < first || call >= endCall) continue;
    throwIfAborted(signal);
    const startMs = now();
    const sample = stack(
      states.map((state) => sampler.modelInput(state)),
      noise.dims,
    );
    const prediction = await guidedPrediction(
      denoiser,
      { call, timestep, sample },
      window && !isWithin(window, call - first, endCall - first) ? silent! : guidance,
      signal && { signal },
    );
    requireFiniteCall(prediction.data, call, timestep, `guidance at scale ${guidance.scale} gives`);
    const output = smoothing
      ? tensor('float32', prediction.dims, smoothing.apply(call, prediction.data))
      : prediction;
    const timing = { kind: denoiser.kindOf(call), ms: now() - startMs };
    calls.push(timing);
    const predictions = splitImages(sampler.takesVariance ? output : dropVariance(output, noise.dims[1]!));
    states = states.map((state, i) => {
      const next = advance(sampler, state, predictions[i]!, generators?.[i]);
      return picture?.mask ? withPictureBack(sampler, next, clean![i]!, noises[i]!, picture.mask.data) : next;
    });
    const latents = samplesOf(states, noise.dims);
    requireFiniteCall(latents.data, call, timestep, `${sampler.name} gives`);
    const step = { ...timing, call: call - first, calls: endCall - first, timestep, latents };
    await unlessStopped(onStep?.(step), signal);
  }
  return { latents: samplesOf(states, noise.dims), calls };
}

/**
 * Waits for a callback, or for the signal: a callback that never ends must not keep a run from being stopped.
 * @throws CacheQuantError `aborted`
 */
async function unlessStopped(callback: void | Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined || callback === undefined) return callback;
  throwIfAborted(signal);
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([callback, stopped]);
    throwIfAborted(signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** What the network gives is checked where it is called; this is what is made of it. */
function requireFiniteCall(data: Float32Array, call: number, timestep: number, who: string): void {
  if (allFinite(data)) return;
  throw new CacheQuantError('non-finite', `${who} NaN or infinite values`, {
    where: `call ${call} (timestep ${timestep})`,
    hint: 'The predictions grow too large: try a smaller guidance scale, or another sampler',
  });
}

function advance(
  sampler: Sampler,
  state: SamplerState,
  prediction: Float32Array,
  generator: NoiseSource | undefined,
): SamplerState {
  if (generator === undefined) return sampler.step(state, prediction);
  return sampler.step(state, prediction, () => generator.randn(state.sample.length));
}

function samplesOf(states: readonly SamplerState[], dims: readonly number[]): Tensor<'float32'> {
  return stack(
    states.map((state) => state.sample),
    dims,
  );
}

function stack(images: readonly Float32Array[], dims: readonly number[]): Tensor<'float32'> {
  const joined = tensor('float32', dims);
  images.forEach((image, i) => {
    joined.data.set(image, i * image.length);
  });
  return joined;
}

/** The images of a batch, as views. */
function splitImages({ dims, data }: Tensor<'float32'>): Float32Array[] {
  const size = data.length / dims[0]!;
  return Array.from({ length: dims[0]! }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

/** The prediction alone, where the network's output has a second half of channels for the variance. */
function dropVariance(output: Tensor<'float32'>, channels: number): Tensor<'float32'> {
  const [batch, outputChannels, ...rest] = output.dims;
  if (outputChannels !== 2 * channels) return output;
  const images = splitImages(output).map((image) => image.subarray(0, image.length / 2));
  return stack(images, [batch!, channels, ...rest]);
}

function checkGenerators({ generators, noise, sampler }: SampleLatentsOptions) {
  const [batch] = noise.dims;
  if (noise.dims.length !== 4 || batch === 0) {
    throw new CacheQuantError('shape', 'noise is not a batch of images', {
      where: 'sampleLatents',
      expected: '[B, C, H, W]',
      got: `[${noise.dims}]`,
    });
  }
  if (generators !== undefined && generators.length !== batch) {
    throw new CacheQuantError('shape', 'there must be one generator for each image', {
      where: 'sampleLatents',
      expected: String(batch),
      got: String(generators.length),
    });
  }
  if (generators === undefined && sampler.stochastic) {
    throw new CacheQuantError('invalid-argument', `${sampler.name} draws noise at every step`, {
      where: 'sampleLatents',
      hint: 'Give `generators`, one for each image',
    });
  }
  return generators;
}
