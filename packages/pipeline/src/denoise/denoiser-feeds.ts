import {
  CacheQuantError,
  type DeviceTensor,
  type Session,
  type Tensor,
  type TensorInfo,
  tensor,
} from '@cachequant/tensor';
import { type FeedConversion, fittedTensor } from '../conditioning/placed-conditioning.js';
import { convertTensor } from '../model/convert-tensor.js';
import type { Conditioning, DenoiserCall } from './denoiser.js';
import type { DenoiserInputs } from './denoiser-inputs.js';
import { FURTHER_CHANNELS, withChannels } from './further-channels.js';
import { packLatents, takesPackedLatents } from './packed-latents.js';

/** The feeds of one call, in the element types and shapes that the session declares. */
export function denoiserFeeds(
  session: Session,
  inputs: DenoiserInputs,
  { call, timestep, sample, conditioning }: DenoiserCall,
): Record<string, Tensor> {
  const sampleInput = declared(session, inputs.sample);
  const whole = wholeSample(inputs, sample, conditioning);
  const taken = takesPackedLatents(sampleInput) ? packLatents(whole) : whole;
  const feeds: Record<string, Tensor> = { [inputs.sample]: convertTensor(taken, sampleInput.dtype) };
  if (inputs.timestep !== undefined) {
    feeds[inputs.timestep] = repeated(timestep, declared(session, inputs.timestep), sample.dims[0]!);
  }
  if (inputs.callIndex !== undefined) {
    feeds[inputs.callIndex] = repeated(call, declared(session, inputs.callIndex), 1);
  }
  for (const name of conditionedOn(inputs)) {
    feeds[name] = fittedTensor(conditioningFor(conditioning, name), declared(session, name));
  }
  return feeds;
}

function conditionedOn({ conditioning, further }: DenoiserInputs): readonly string[] {
  return further === undefined ? conditioning : [...conditioning, further];
}

/** With what a model for inpainting takes behind the noisy channels, where its graph has one input for both. */
function wholeSample(
  { further }: DenoiserInputs,
  sample: Tensor<'float32'>,
  { [FURTHER_CHANNELS]: channels }: Conditioning,
): Tensor<'float32'> {
  if (further !== undefined || channels === undefined) return sample;
  return withChannels(sample, channels as Tensor<'float32'>);
}

/** The session's declaration of an input. */
export function declared(session: Session, name: string): TensorInfo {
  const info = session.inputs.find((input) => input.name === name);
  if (info !== undefined) return info;
  throw new CacheQuantError('invalid-argument', `the graph has no input ${name}`, {
    where: 'denoiser',
    expected: session.inputs.map((input) => input.name).join(', '),
  });
}

/** The same, with the conditioning as it was placed. */
export async function placedFeeds(
  session: Session,
  inputs: DenoiserInputs,
  call: DenoiserCall,
  feed: FeedConversion,
): Promise<Record<string, Tensor | DeviceTensor>> {
  const feeds: Record<string, Tensor | DeviceTensor> = denoiserFeeds(
    session,
    { ...inputs, conditioning: [] },
    call,
  );
  for (const name of conditionedOn(inputs)) {
    feeds[name] = await feed(conditioningFor(call.conditioning, name), declared(session, name));
  }
  return feeds;
}

/** A number as a scalar, or once for each image where the graph wants a vector. */
function repeated(value: number, { dtype, dims }: TensorInfo, batch: number): Tensor {
  const length = dims.map((dim) => (typeof dim === 'number' ? dim : batch));
  const count = length.reduce((product, dim) => product * dim, 1);
  return convertTensor(tensor('float64', length, new Float64Array(count).fill(value)), dtype);
}

function conditioningFor(conditioning: DenoiserCall['conditioning'], name: string): Tensor {
  const value = conditioning[name];
  if (value !== undefined) return value;
  throw new CacheQuantError('invalid-argument', `the model wants ${name}, which was not given`, {
    where: 'conditioning',
    got: Object.keys(conditioning).join(', ') || 'nothing',
    hint: 'Give sampleLatents a tensor [B, …] of that name.',
  });
}
