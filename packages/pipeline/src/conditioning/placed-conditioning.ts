import { type DeviceTensor, type Runtime, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import { convertTensor } from '../model/convert-tensor.js';

/** Gives a tensor as an input takes it, for a feed. */
export type FeedConversion = (tensor: Tensor, input: TensorInfo) => Promise<Tensor | DeviceTensor>;

/**
 * A tensor [B, …] as an input takes it: in its element type, and without the batch, whose images are then alike, where
 * the input has one dimension less.
 */
export function fittedTensor(value: Tensor, { dtype, dims }: TensorInfo): Tensor {
  const converted = convertTensor(value, dtype);
  const [batch = 1, ...rest] = converted.dims;
  if (dims.length !== rest.length) return converted;
  const first = converted.data.subarray(0, converted.data.length / batch);
  return tensor(converted.dtype, rest, first as never);
}

/** Conditioning that many calls take stays where sessions compute, in place of going there at every call. */
export interface PlacedConditioning {
  readonly feed: FeedConversion;
  /** Frees what was placed. */
  clear(): void;
}

/** @param runtime of the sessions; one that cannot place tensors is given them at every call */
export function placedConditioning(runtime?: Pick<Runtime, 'place'>): PlacedConditioning {
  const placed = new Map<Tensor, Map<string, Promise<DeviceTensor>>>();
  return {
    async feed(value, input) {
      if (runtime?.place === undefined) return fittedTensor(value, input);
      const form = `${input.dtype}, ${input.dims.length}`;
      const byForm = placed.get(value) ?? new Map<string, Promise<DeviceTensor>>();
      placed.set(value, byForm);
      const known = byForm.get(form) ?? runtime.place(fittedTensor(value, input));
      byForm.set(form, known);
      return known;
    },
    clear() {
      const all = [...placed.values()].flatMap((byForm) => [...byForm.values()]);
      placed.clear();
      for (const tensor of all) {
        tensor.then(
          (value) => value.dispose(),
          // Whoever waited for it was told.
          () => undefined,
        );
      }
    },
  };
}
