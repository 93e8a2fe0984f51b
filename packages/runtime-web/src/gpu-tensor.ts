import type { Tensor } from '@cachequant/tensor';
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import type { Ort } from './ort-tensor.js';

/** What is needed here of WebGPU's types, which TypeScript's own libraries lack. */
interface Device {
  createBuffer(description: { size: number; usage: number; mappedAtCreation: boolean }): GpuBuffer;
}
interface GpuBuffer {
  getMappedRange(): ArrayBuffer;
  unmap(): void;
  destroy(): void;
}

/** GPUBufferUsage: COPY_SRC, COPY_DST, STORAGE. */
const USAGE = 0x4 | 0x8 | 0x80;

/** Copies a tensor to the graphics processor that ONNX Runtime computes on. */
export async function placeOnGpu(ort: Ort, { dtype, dims, data }: Tensor): Promise<OrtTensor> {
  const device = (await (ort.env.webgpu as { readonly device: unknown }).device) as Device;
  // Sizes are multiples of 16 bytes in ONNX Runtime's own buffers.
  const size = Math.max(16, Math.ceil(data.byteLength / 16) * 16);
  const buffer = device.createBuffer({ size, usage: USAGE, mappedAtCreation: true });
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  const fromGpuBuffer = ort.Tensor.fromGpuBuffer as unknown as (
    buffer: GpuBuffer,
    options: { dataType: string; dims: readonly number[]; dispose: () => void },
  ) => OrtTensor;
  return fromGpuBuffer(buffer, { dataType: dtype, dims, dispose: () => buffer.destroy() });
}
