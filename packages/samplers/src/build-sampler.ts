import { CacheQuantError } from '@cachequant/tensor';
import type { Method, ModelOutput } from './method.js';
import type { Sampler, SamplerState } from './sampler.js';
import { sensitivityOf } from './sensitivity.js';
import { linearCombination } from './solvers/linear-combination.js';
import { firstCall, renoise } from './start-from.js';

/**
 * Puts checks and bookkeeping around a method.
 * @throws CacheQuantError `invalid-argument` for a timestep out of range
 */
export function buildSampler(method: Method): Sampler {
  const { name, timesteps, initNoiseSigma = 1 } = method;
  checkTimesteps(method);
  const sensitivity = sensitivityOf(method);

  return {
    name,
    steps: method.steps,
    timesteps,
    calls: timesteps.length,
    sigmas: method.sigmas,
    initNoiseSigma,
    predictionType: method.predictionType,
    takesVariance: method.predictsVariance ?? false,
    stochastic: method.stochastic ?? false,
    callsPerStep: method.callsPerStep ?? timesteps.map(() => 1),
    lookback: Math.min(method.lookback, timesteps.length - 1),
    sensitivity,
    start(noise) {
      checkImages(method, noise);
      return { call: 0, sample: linearCombination([initNoiseSigma, noise]), history: [], stages: [] };
    },
    firstCall: (strength) => firstCall(method, strength),
    renoise: (call, clean, noise) => renoise(method, call, clean, noise),
    startFrom(call, clean, noise) {
      return { call, sample: renoise(method, call, clean, noise), history: [], stages: [] };
    },
    modelInput(state) {
      checkCall(method, state);
      const scale = method.inputScale?.(state.call);
      return scale === undefined ? state.sample : linearCombination([scale, state.sample]);
    },
    step(state, modelOutput, drawNoise) {
      checkCall(method, state);
      const output = splitOutput(method, state, modelOutput);
      const advance = method.advance(state, output, () => checkedNoise(name, state, drawNoise));
      return { history: [], stages: [], ...advance, call: state.call + 1 };
    },
  };
}

function checkTimesteps({ name, timesteps, trainSteps, steps }: Method): void {
  if (trainSteps === undefined) return;
  const outside = timesteps.find((timestep) => !(timestep >= 0 && timestep <= trainSteps - 1));
  if (outside === undefined) return;
  throw new CacheQuantError('invalid-argument', `${steps} steps lead to timestep ${outside}`, {
    where: name,
    expected: `timesteps from 0 to ${trainSteps - 1}`,
    hint: 'Use fewer steps, a smaller steps_offset, or another timestep_spacing',
  });
}

function checkImages({ name, images }: Method, noise: Float32Array): void {
  if (noise.length > 0 && noise.length % images === 0) return;
  throw new CacheQuantError('shape', 'the noise cannot be divided among the images', {
    where: `${name}.start`,
    expected: `a multiple of ${images} elements`,
    got: String(noise.length),
  });
}

function checkCall({ name, timesteps }: Method, { call }: SamplerState): void {
  if (call < timesteps.length) return;
  throw new CacheQuantError('invalid-argument', 'the run is over', {
    where: name,
    expected: `a state before call ${timesteps.length}`,
    got: `call ${call}`,
    hint: 'Begin a new run with start()',
  });
}

function checkedNoise(name: string, { sample }: SamplerState, drawNoise?: () => Float32Array): Float32Array {
  if (drawNoise === undefined) {
    throw new CacheQuantError('invalid-argument', 'this sampler draws noise and has nowhere to draw from', {
      where: `${name}.step`,
      hint: 'Pass drawNoise, for example () => generator.randn(state.sample.length)',
    });
  }
  const noise = drawNoise();
  if (noise.length === sample.length) return noise;
  throw new CacheQuantError('shape', 'drawNoise gave noise of another size', {
    where: `${name}.step`,
    expected: `${sample.length} elements`,
    got: String(noise.length),
  });
}

function splitOutput(method: Method, { sample }: SamplerState, output: Float32Array): ModelOutput {
  if (output.length === sample.length) return { prediction: output, variance: undefined };
  const isDouble = output.length === 2 * sample.length;
  if (isDouble && method.predictsVariance) return splitVariance(output, method.images);
  throw new CacheQuantError('shape', 'the network output does not fit the sample', {
    where: `${method.name}.step`,
    expected: `${sample.length} elements`,
    got: String(output.length),
    ...(isDouble && {
      hint: 'Where the network also predicts the variance, pass the first half of its channels',
    }),
  });
}

function splitVariance(output: Float32Array, images: number): ModelOutput {
  const prediction = new Float32Array(output.length / 2);
  const variance = new Float32Array(output.length / 2);
  const size = prediction.length / images;
  for (let image = 0; image < images; image++) {
    const start = image * 2 * size;
    prediction.set(output.subarray(start, start + size), image * size);
    variance.set(output.subarray(start + size, start + 2 * size), image * size);
  }
  return { prediction, variance };
}
