import type { DeviceTensor, DType, Runtime, Tensor } from '@cachequant/tensor';
import { convertTensor } from '../model/convert-tensor.js';

/** Gives a tensor in an element type, for a feed. */
export type FeedConversion = (tensor: Tensor, dtype: DType) => Promise<Tensor | DeviceTensor>;

/** Conditioning that many calls take stays where sessions compute, in place of going there at every call. */
export interface PlacedConditioning {
  readonly feed: FeedConversion;
  /** Frees what was placed. */
  clear(): void;
}

/** @param runtime of the sessions; one that cannot place tensors is given them at every call */
export function placedConditioning(runtime?: Pick<Runtime, 'place'>): PlacedConditioning {
  const placed = new Map<Tensor, Map<DType, Promise<DeviceTensor>>>();
  return {
    async feed(tensor, dtype) {
      if (runtime?.place === undefined) return convertTensor(tensor, dtype);
      const byType = placed.get(tensor) ?? new Map<DType, Promise<DeviceTensor>>();
      placed.set(tensor, byType);
      const known = byType.get(dtype) ?? runtime.place(convertTensor(tensor, dtype));
      byType.set(dtype, known);
      return known;
    },
    clear() {
      const all = [...placed.values()].flatMap((byType) => [...byType.values()]);
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
