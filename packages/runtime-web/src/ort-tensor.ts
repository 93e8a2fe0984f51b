import type { DType, Tensor } from '@cachequant/tensor';
import type { Tensor as OrtTensor } from 'onnxruntime-web';

export type Ort = typeof import('onnxruntime-web');

/** A tensor for ONNX Runtime over the same memory. */
export function toOrt(ort: Ort, { dtype, dims, data }: Tensor): OrtTensor {
  return new ort.Tensor(dtype as OrtTensor.Type, data as OrtTensor.DataType, dims);
}

/**
 * A tensor's elements, read from the graphics processor where they are there. Takes the memory as it is where the
 * array owns its buffer, which is what ONNX Runtime hands out.
 */
export async function fromOrt(tensor: OrtTensor): Promise<Tensor> {
  const data = bitPatterns((await tensor.getData()) as ArrayBufferView);
  const whole = data.byteLength === data.buffer.byteLength;
  return { dtype: tensor.type as DType, dims: [...tensor.dims], data: whole ? data : data.slice() };
}

/** Browsers with a `Float16Array` get one from ONNX Runtime; here float16 is bit patterns everywhere. */
function bitPatterns(data: ArrayBufferView): Tensor['data'] {
  if (Object.prototype.toString.call(data) !== '[object Float16Array]') return data as Tensor['data'];
  return new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength / 2);
}
