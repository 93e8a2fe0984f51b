import {
  type Denoiser,
  type Guidance,
  GuidanceForecast,
  guidedPrediction,
  initialNoise,
} from '@cachequant/pipeline/internals';
import type { SamplerState } from '@cachequant/samplers';
import { tensor } from '@cachequant/tensor';
import type { Laboratory } from '../laboratory.js';
import { recordedCall } from '../observe/trajectory.js';
import type { Study } from '../study.js';
import { imageGuidance } from './image-guidance.js';
import { landingError } from './landing-error.js';
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
export async function fitGuidanceReach(study: FloatRun, variant: Variant): Promise<number[]> {
  const denoiser = await loadVariant(study.lab, variant);
  try {
    return await fitReach(study, denoiser);
  } finally {
    await denoiser.dispose();
  }
}

/** Where the float model went, and with what. */
export type FloatRun = Pick<Study, 'lab' | 'trajectory' | 'latents'>;

/** The fit with a denoiser that is loaded. */
export async function fitReach(study: FloatRun, denoiser: Denoiser): Promise<number[]> {
  const { lab } = study;
  const { calls } = lab.sampler;
  const reach: number[] = [];
  const runs = startRuns(study, (call) => reach[call]);
  denoiser.reset();
  for (let call = 0; call < calls; call++) {
    lab.onProgress?.(call, calls);
    reach.push(await fitCall(study, denoiser, runs, call));
  }
  lab.onProgress?.(calls, calls);
  return reach;
}

/** Makes a call of every image, fits it, and steps all of them on with what was fitted. */
async function fitCall(
  study: FloatRun,
  denoiser: Denoiser,
  runs: readonly Run[],
  call: number,
): Promise<number> {
  const { lab } = study;
  const made: { run: Run; prediction: Float32Array; change: Float32Array | undefined; draw: Draw }[] = [];
  let [power, product] = [0, 0];
  for (const [stream, run] of runs.entries()) {
    const prediction = await predict(lab, denoiser, run, { call, stream });
    const change = denoiser.conditionalAlone?.(call) ? run.forecast.lastChange() : undefined;
    const draw = once(run.draw);
    made.push({ run, prediction, change, draw });
    if (!change) continue;
    const wanted = await floatSample(study, stream, call + 1);
    const missing = landingError(lab.sampler, run.state, prediction, wanted, draw);
    for (const [i, lacking] of missing.entries()) {
      power += change[i]! * change[i]!;
      product += change[i]! * lacking;
    }
  }
  const added = power > 0 ? (SHARE * product) / power : 0;
  for (const { run, prediction, change, draw } of made) {
    const corrected = change ? prediction.map((value, i) => value + added * change[i]!) : prediction;
    run.state = lab.sampler.step(run.state, corrected, draw);
  }
  return made[0]?.change ? made[0].run.forecast.reachAt(call) + added / (lab.guidanceScale - 1) : 0;
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

function startRuns({ lab, trajectory }: FloatRun, fitted: (call: number) => number | undefined): Run[] {
  return lab.calibration.slice(0, trajectory.images.length).map((image) => {
    const { noise, generators } = initialNoise([image.seed], lab.latentDims);
    const forecast = new GuidanceForecast(fitted);
    return {
      guidance: imageGuidance(lab, image, forecast),
      forecast,
      draw: () => generators[0]!.randn(noise.data.length),
      state: lab.sampler.start(noise.data),
    };
  });
}

async function predict(
  lab: Laboratory,
  denoiser: Denoiser,
  { guidance, state }: Run,
  at: { readonly call: number; readonly stream: number },
): Promise<Float32Array> {
  const sample = tensor('float32', [1, ...lab.latentDims]);
  sample.data.set(lab.sampler.modelInput(state));
  const call = { ...at, timestep: lab.sampler.timesteps[at.call]!, sample };
  const { data } = await guidedPrediction(denoiser, call, guidance, lab.signal && { signal: lab.signal });
  // Without the variance, where the network predicts that too.
  return data.subarray(0, sample.data.length);
}

/** What the float model was given at a call, or its final latents behind the last one. */
async function floatSample(
  { lab, trajectory, latents }: FloatRun,
  image: number,
  call: number,
): Promise<Float32Array> {
  if (call < lab.sampler.calls) return (await recordedCall(lab, trajectory, image, call)).sample.data;
  const size = lab.latentDims.reduce((product, dim) => product * dim, 1);
  return latents.subarray(image * size, (image + 1) * size);
}
