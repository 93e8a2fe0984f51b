import { fromBytes, type Tensor, toBytes } from '@cachequant/tensor';
import type { HostTensor } from './protocol.js';

/** A copy in memory of its own, which can be moved to the worker. */
export function copy(data: ArrayBufferView): ArrayBuffer {
  const buffer = new ArrayBuffer(data.byteLength);
  new Uint8Array(buffer).set(toBytes(data));
  return buffer;
}

export function unpack({ dtype, dims, buffer }: HostTensor): Tensor {
  return { dtype, dims, data: fromBytes(dtype, new Uint8Array(buffer)) };
}
