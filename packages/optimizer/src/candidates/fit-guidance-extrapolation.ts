import { type Denoiser, initialNoise } from '@cachequant/pipeline';
import { type Guidance, GuidanceForecast, guidedPrediction } from '@cachequant/pipeline/internals';
import type { Sampler, SamplerState } from '@cachequant/samplers';
import { tensor } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import type { CalibrationContext } from '../calibration-context.js';
import { recordedCall } from '../observe/trajectory.js';
import { imageGuidance } from './image-guidance.js';
import { predictionCorrection } from './prediction-correction.js';
import { loadVariant, samplerOf, type Variant } from './variant.js';

/**
 * Share of a call's way back to the float model's trajectory that its fit aims for. All of it would ask the call to
 * make good what noise did at the calls before (PLMS 50, interval 5, 32 held-out seeds: 0.9 dB less than a half).
 */
const SHARE = 0.5;

/** One calibration image on its way. */
interface Run {
  readonly guidance: Guidance;
  readonly forecast: GuidanceForecast;
  readonly draw: () => Float32Array;
  state: SamplerState;
}

/**
 * Fits how far the forecast of guidance follows its last change, one number for each cached call.
 *
 * The calibration images are sampled side by side by the very model that is being built. At every cached call the
 * number is taken that brings the samples nearest to where the float model's were after that call, and the next call
 * meets what is left. An ordinary least-squares fit of the difference itself, which is nearer at every single call,
 * shrinks it towards the last one seen, always to the same side, and the sampler adds that up: pictures lose two
 * decibels by it.
 * @param variant whose cached calls forecast the guidance
 * @returns by call; 0 where nothing is forecast
 */
export async function fitGuidanceExtrapolation(calibrated: RecordedRun, variant: Variant): Promise<number[]> {
  const { context } = calibrated;
  const denoiser = await loadVariant(context, variant);
  const path = { sampler: samplerOf(context, variant), calls: callsMade(context, variant) };
  try {
    const { reach } = await fitAlong(floatRunOf(calibrated), denoiser, path, context.onProgress);
    return amongAllCalls(reach, path.calls, context.sampler.calls);
  } finally {
    await denoiser.dispose();
  }
}

/** Where the float model went, and with what. */
export interface FloatRun {
  readonly context: CalibrationContext;
  /** How many of the calibration images are known. */
  readonly images: number;
  /** What the float model was given at a call, or its final latents behind the last one. */
  readonly sampleAt: (image: number, call: number) => Promise<Float32Array> | Float32Array;
}

/** Some or all of the calls of the float model's run. */
export interface CallsOfRun {
  readonly sampler: Sampler;
  /** Which call of the float model's run each call is; ascending from 0. */
  readonly calls: readonly number[];
}

/** The run of a calibrated model, read from disk call by call. */
export function floatRunOf({ context, trajectory, latents }: RecordedRun): FloatRun {
  const size = context.latentDims.reduce((product, dim) => product * dim, 1);
  return {
    context,
    images: trajectory.images.length,
    sampleAt: async (image, call) =>
      call < context.sampler.calls
        ? (await recordedCall(context, trajectory, image, call)).sample.data
        : latents.subarray(image * size, (image + 1) * size),
  };
}

type RecordedRun = Pick<CalibratedModel, 'context' | 'trajectory' | 'latents'>;

/** What is fitted for calls that are made; a call that is skipped has that of the one before it. */
function amongAllCalls(reach: readonly number[], made: readonly number[], calls: number): number[] {
  const fitted: number[] = [];
  for (let call = 0; call < calls; call++) fitted.push(reach[made.indexOf(call)] ?? fitted[call - 1] ?? 0);
  return fitted;
}

function callsMade({ sampler }: CalibrationContext, { timesteps }: Variant): number[] {
  return (timesteps ?? sampler.timesteps).map((timestep, i) =>
    timesteps ? sampler.timesteps.indexOf(timestep) : i,
  );
}

/**
 * Fits the reach along some or all of the calls of the float model's run.
 * @returns the reach by call of the path, and where the images end with it
 */
export async function fitAlong(
  float: FloatRun,
  denoiser: Denoiser,
  path: CallsOfRun,
  onProgress?: CalibrationContext['onProgress'],
): Promise<{ reach: number[]; latents: Float32Array[] }> {
  const { length } = path.calls;
  const serving = denoiser.forTimesteps?.(path.sampler.timesteps) ?? denoiser;
  const reach: number[] = [];
  const runs = startRuns(float, path, (call) => reach[call]);
  serving.reset();
  for (let call = 0; call < length; call++) {
    onProgress?.(call, length);
    reach.push(await fitCall(float, serving, path, runs, call));
  }
  onProgress?.(length, length);
  return { reach, latents: runs.map(({ state }) => state.sample) };
}

/** Makes a call of every image, fits it, and steps all of them on with what was fitted. */
async function fitCall(
  { context, sampleAt }: FloatRun,
  denoiser: Denoiser,
  { sampler, calls }: CallsOfRun,
  runs: readonly Run[],
  call: number,
): Promise<number> {
  const made: { run: Run; prediction: Float32Array; change: Float32Array | undefined; draw: Draw }[] = [];
  let [power, product] = [0, 0];
  for (const [stream, run] of runs.entries()) {
    const prediction = await predict(context, denoiser, run, { call, stream, sampler });
    const change = denoiser.conditionalAlone?.(call) ? run.forecast.lastChange() : undefined;
    const draw = once(run.draw);
    made.push({ run, prediction, change, draw });
    if (!change) continue;
    const wanted = await sampleAt(stream, calls[call + 1] ?? context.sampler.calls);
    const missing = predictionCorrection(sampler, run.state, prediction, wanted, draw);
    for (const [i, lacking] of missing.entries()) {
      power += change[i]! * change[i]!;
      product += change[i]! * lacking;
    }
  }
  const added = power > 0 ? (SHARE * product) / power : 0;
  for (const { run, prediction, change, draw } of made) {
    const corrected = change ? prediction.map((value, i) => value + added * change[i]!) : prediction;
    run.state = sampler.step(run.state, corrected, draw);
  }
  return made[0]?.change ? made[0].run.forecast.reachAt(call) + added / (context.guidanceScale - 1) : 0;
}

type Draw = () => Float32Array;

/** Noise that is drawn when it is first asked for, and is the same when it is asked for again. */
function once(draw: Draw): Draw {
  let drawn: Float32Array | undefined;
  return () => {
    drawn ??= draw();
    return drawn;
  };
}

function startRuns(
  { context, images }: FloatRun,
  { sampler }: CallsOfRun,
  fitted: (call: number) => number | undefined,
): Run[] {
  return context.calibration.slice(0, images).map((image) => {
    const { noise, generators } = initialNoise([image.seed], context.latentDims);
    const forecast = new GuidanceForecast(fitted);
    return {
      guidance: imageGuidance(context, image, forecast),
      forecast,
      draw: () => generators[0]!.randn(noise.data.length),
      state: sampler.start(noise.data),
    };
  });
}

async function predict(
  context: CalibrationContext,
  denoiser: Denoiser,
  { guidance, state }: Run,
  { sampler, ...at }: { readonly call: number; readonly stream: number; readonly sampler: Sampler },
): Promise<Float32Array> {
  const sample = tensor('float32', [1, ...context.latentDims]);
  sample.data.set(sampler.modelInput(state));
  const call = { ...at, timestep: sampler.timesteps[at.call]!, sample };
  const { data } = await guidedPrediction(
    denoiser,
    call,
    guidance,
    context.signal && { signal: context.signal },
  );
  // Without the variance, where the network predicts that too.
  return data.subarray(0, sample.data.length);
}
