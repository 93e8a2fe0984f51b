import { type DeviceTensor, readTensor, type Tensor, tensor } from '@cachequant/tensor';

/** The conditional halves of cached tensors, each taken once, however many calls use it. */
export class ConditionalHalves {
  private readonly taken = new WeakMap<Tensor | DeviceTensor, Promise<Tensor>>();

  /** The second half of a tensor's batch, in memory. */
  readonly of = (feature: Tensor | DeviceTensor): Promise<Tensor> => {
    const known = this.taken.get(feature) ?? secondHalf(feature);
    this.taken.set(feature, known);
    return known;
  };
}

async function secondHalf(feature: Tensor | DeviceTensor): Promise<Tensor> {
  const { dtype, dims, data } = await readTensor(feature);
  const half = tensor(dtype, [dims[0]! / 2, ...dims.slice(1)]);
  // Both are of the dtype's array.
  half.data.set(data.subarray(data.length / 2) as never);
  return half;
}
