import type { Sampler, SamplerState } from '@cachequant/samplers';

/** Where a step answers less than this to its prediction, nothing can be told from where it lands. */
const LEAST_RESPONSE = 1e-9;

/**
 * What a prediction lacks, element by element, for its step to land on a sample: samplers are linear in the newest
 * prediction, so two steps tell how far each unit of it goes.
 * @param wanted what the network should be given next, or the final sample where the run ends with this step
 * @param draw gives the same noise whenever it is called
 * @returns zeros where the step does not depend on the prediction
 */
export function predictionCorrection(
  sampler: Sampler,
  state: SamplerState,
  prediction: Float32Array,
  wanted: Float32Array,
  draw: () => Float32Array,
): Float32Array {
  const landed = landing(sampler, sampler.step(state, prediction, draw));
  const raised = prediction.map((value) => value + 1);
  const beside = landing(sampler, sampler.step(state, raised, draw));
  let response = 0;
  for (const [i, value] of beside.entries()) response += (value - landed[i]!) / landed.length;
  if (Math.abs(response) < LEAST_RESPONSE) return new Float32Array(landed.length);
  return landed.map((value, i) => (wanted[i]! - value) / response);
}

function landing(sampler: Sampler, state: SamplerState): Float32Array {
  return state.call < sampler.calls ? sampler.modelInput(state) : state.sample;
}
