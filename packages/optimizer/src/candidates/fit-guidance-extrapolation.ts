import { type Denoiser, initialNoise } from '@cachequant/pipeline';
import { type Guidance, GuidanceForecast, guidedPrediction } from '@cachequant/pipeline/internals';
import type { SamplerState } from '@cachequant/samplers';
import { tensor } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import type { CalibrationContext } from '../calibration-context.js';
import { recordedCall } from '../observe/trajectory.js';
import { imageGuidance } from './image-guidance.js';
import { predictionCorrection } from './prediction-correction.js';
import { loadVariant, type Variant } from './variant.js';

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
export async function fitGuidanceExtrapolation(calibrated: FloatRun, variant: Variant): Promise<number[]> {
  const denoiser = await loadVariant(calibrated.context, variant);
  try {
    return await fitReach(calibrated, denoiser);
  } finally {
    await denoiser.dispose();
  }
}

/** Where the float model went, and with what. */
export type FloatRun = Pick<CalibratedModel, 'context' | 'trajectory' | 'latents'>;

/** The fit with a denoiser that is loaded. */
export async function fitReach(calibrated: FloatRun, denoiser: Denoiser): Promise<number[]> {
  const { context } = calibrated;
  const { calls } = context.sampler;
  const reach: number[] = [];
  const runs = startRuns(calibrated, (call) => reach[call]);
  denoiser.reset();
  for (let call = 0; call < calls; call++) {
    context.onProgress?.(call, calls);
    reach.push(await fitCall(calibrated, denoiser, runs, call));
  }
  context.onProgress?.(calls, calls);
  return reach;
}

/** Makes a call of every image, fits it, and steps all of them on with what was fitted. */
async function fitCall(
  calibrated: FloatRun,
  denoiser: Denoiser,
  runs: readonly Run[],
  call: number,
): Promise<number> {
  const { context } = calibrated;
  const made: { run: Run; prediction: Float32Array; change: Float32Array | undefined; draw: Draw }[] = [];
  let [power, product] = [0, 0];
  for (const [stream, run] of runs.entries()) {
    const prediction = await predict(context, denoiser, run, { call, stream });
    const change = denoiser.conditionalAlone?.(call) ? run.forecast.lastChange() : undefined;
    const draw = once(run.draw);
    made.push({ run, prediction, change, draw });
    if (!change) continue;
    const wanted = await floatSample(calibrated, stream, call + 1);
    const missing = predictionCorrection(context.sampler, run.state, prediction, wanted, draw);
    for (const [i, lacking] of missing.entries()) {
      power += change[i]! * change[i]!;
      product += change[i]! * lacking;
    }
  }
  const added = power > 0 ? (SHARE * product) / power : 0;
  for (const { run, prediction, change, draw } of made) {
    const corrected = change ? prediction.map((value, i) => value + added * change[i]!) : prediction;
    run.state = context.sampler.step(run.state, corrected, draw);
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

function startRuns({ context, trajectory }: FloatRun, fitted: (call: number) => number | undefined): Run[] {
  return context.calibration.slice(0, trajectory.images.length).map((image) => {
    const { noise, generators } = initialNoise([image.seed], context.latentDims);
    const forecast = new GuidanceForecast(fitted);
    return {
      guidance: imageGuidance(context, image, forecast),
      forecast,
      draw: () => generators[0]!.randn(noise.data.length),
      state: context.sampler.start(noise.data),
    };
  });
}

async function predict(
  context: CalibrationContext,
  denoiser: Denoiser,
  { guidance, state }: Run,
  at: { readonly call: number; readonly stream: number },
): Promise<Float32Array> {
  const sample = tensor('float32', [1, ...context.latentDims]);
  sample.data.set(context.sampler.modelInput(state));
  const call = { ...at, timestep: context.sampler.timesteps[at.call]!, sample };
  const { data } = await guidedPrediction(
    denoiser,
    call,
    guidance,
    context.signal && { signal: context.signal },
  );
  // Without the variance, where the network predicts that too.
  return data.subarray(0, sample.data.length);
}

/** What the float model was given at a call, or its final latents behind the last one. */
async function floatSample(
  { context, trajectory, latents }: FloatRun,
  image: number,
  call: number,
): Promise<Float32Array> {
  if (call < context.sampler.calls) return (await recordedCall(context, trajectory, image, call)).sample.data;
  const size = context.latentDims.reduce((product, dim) => product * dim, 1);
  return latents.subarray(image * size, (image + 1) * size);
}
