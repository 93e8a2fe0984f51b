import { CacheQuantError } from '@cachequant/tensor';
import type { Method } from './method.js';
import { linearCombination } from './solvers/linear-combination.js';

/** See `Sampler.firstCall`. */
export function firstCall(
  { name, steps, predictionType, callOfStep = (step) => step }: Method,
  strength: number,
): number {
  if (!(strength > 0 && strength <= 1)) {
    throw new CacheQuantError('invalid-argument', 'the strength is not possible', {
      where: 'strength',
      expected: 'a number above 0, up to 1',
      got: String(strength),
    });
  }
  const exact = steps * strength;
  // diffusers' pipelines of flow models make a step that is left in part, those of others do not.
  const left = predictionType === 'flow_prediction' ? steps - Math.floor(steps - exact) : Math.floor(exact);
  if (left >= 1) return callOfStep(steps - left);
  throw new CacheQuantError('invalid-argument', `strength ${strength} leaves none of ${steps} steps`, {
    where: name,
    expected: `a strength of at least ${1 / steps}`,
    hint: 'Use a greater strength, or more steps',
  });
}

/** See `Sampler.renoise`. */
export function renoise(
  { name, levelAt, timesteps }: Method,
  call: number,
  clean: Float32Array,
  noise: Float32Array,
): Float32Array {
  if (levelAt === undefined) {
    throw new CacheQuantError('unsupported', `${name} does not tell its noise levels`, {
      where: 'startFrom',
      expected: 'a method with levelAt',
      hint: 'Choose another sampler to begin with a picture',
    });
  }
  if (!(Number.isInteger(call) && call >= 0 && call < timesteps.length)) {
    throw new CacheQuantError('invalid-argument', 'there is no such call', {
      where: `${name}.startFrom`,
      expected: `0 to ${timesteps.length - 1}`,
      got: String(call),
    });
  }
  if (clean.length !== noise.length) {
    throw new CacheQuantError('shape', 'the picture and the noise differ in size', {
      where: `${name}.startFrom`,
      expected: `${clean.length} elements`,
      got: String(noise.length),
    });
  }
  const { signal, noise: amount } = levelAt(call);
  return linearCombination([signal, clean], [amount, noise]);
}
