import type { Sampler, SamplerState } from '@cachequant/samplers';
import type { StepErrors } from '@cachequant/scheduler';
import type { InPieces } from '@cachequant/tensor';
import type { KnownRun } from './float-run.js';

/**
 * How far a single step of the sampler lands from the float model's run, for every step from one of its calls to a later
 * one: root mean square, over the images. A step begins at the float model's own sample, with its own prediction, and
 * with that of as long a step before where the run has room for one.
 */
export function* measureStepErrors(run: KnownRun): InPieces<StepErrors> {
  const { sampler } = run.context;
  const points = sampler.calls;
  const error = new Float64Array(points * (points + 1)).fill(Number.POSITIVE_INFINITY);
  for (let from = 0; from < points; from++) {
    for (let to = from + 1; to <= points; to++) {
      error[from * (points + 1) + to] = stepError(run, from, to);
      yield;
    }
  }
  return { points, error };
}

function stepError(run: KnownRun, from: number, to: number): number {
  const { context } = run;
  const before = 2 * from - to;
  const calls = [...(before >= 0 ? [before] : []), from, ...(to < context.sampler.calls ? [to] : [])];
  const sampler = context.samplerAt(calls.map((call) => context.sampler.timesteps[call]!));
  let sum = 0;
  let count = 0;
  for (let image = 0; image < run.images; image++) {
    let state = startAt(sampler, run.sampleAt(image, calls[0]!));
    if (before >= 0) {
      state = sampler.step(state, run.predictionAt(image, before));
      state = { ...state, sample: scaledLike(sampler, state, run.sampleAt(image, from)) };
    }
    const landed = sampler.step(state, run.predictionAt(image, from));
    const reached = landed.call < sampler.calls ? sampler.modelInput(landed) : landed.sample;
    for (const [i, value] of run.sampleAt(image, to).entries()) sum += (reached[i]! - value) ** 2;
    count += reached.length;
  }
  return Math.sqrt(sum / count);
}

function startAt(sampler: Sampler, input: Float32Array): SamplerState {
  const state = sampler.start(input);
  return { ...state, sample: scaledLike(sampler, state, input) };
}

/** The sample of a state whose input to the network is known. */
function scaledLike(sampler: Sampler, state: SamplerState, input: Float32Array): Float32Array {
  const [scale] = sampler.modelInput({ ...state, sample: Float32Array.of(1) });
  return scale === 1 ? input : input.map((value) => value / scale!);
}
