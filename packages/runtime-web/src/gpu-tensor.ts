import type { Tensor } from '@cachequant/tensor';
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import type { Ort } from './ort-tensor.js';

/** What is needed here of WebGPU's types, which TypeScript's own libraries lack. */
interface Device {
  createBuffer(description: { size: number; usage: number; mappedAtCreation?: boolean }): GpuBuffer;
  createCommandEncoder(): {
    copyBufferToBuffer(from: GpuBuffer, start: number, to: GpuBuffer, at: number, size: number): void;
    finish(): unknown;
  };
  readonly queue: { submit(commands: readonly unknown[]): void };
}
interface GpuBuffer {
  getMappedRange(): ArrayBuffer;
  mapAsync(mode: number): Promise<void>;
  unmap(): void;
  destroy(): void;
}
interface GpuTensorOptions {
  readonly dataType: string;
  readonly dims: readonly number[];
  readonly dispose: () => void;
  readonly download: () => Promise<Tensor['data']>;
}

/** GPUBufferUsage and GPUMapMode. */
const [MAP_READ, COPY_SRC, COPY_DST, STORAGE] = [0x1, 0x4, 0x8, 0x80];

/** Copies a tensor to the graphics processor that ONNX Runtime computes on. */
export async function placeOnGpu(ort: Ort, { dtype, dims, data }: Tensor): Promise<OrtTensor> {
  const device = (await (ort.env.webgpu as { readonly device: unknown }).device) as Device;
  // Sizes are multiples of 16 bytes in ONNX Runtime's own buffers.
  const size = Math.max(16, Math.ceil(data.byteLength / 16) * 16);
  const usage = COPY_SRC | COPY_DST | STORAGE;
  const buffer = device.createBuffer({ size, usage, mappedAtCreation: true });
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  const { byteLength } = data;
  const Elements = data.constructor as new (bytes: ArrayBuffer) => Tensor['data'];
  const options: GpuTensorOptions = {
    dataType: dtype,
    dims,
    dispose: () => buffer.destroy(),
    download: async () => new Elements((await readBuffer(device, buffer, size)).slice(0, byteLength)),
  };
  const make = ort.Tensor.fromGpuBuffer as unknown as (b: GpuBuffer, o: GpuTensorOptions) => OrtTensor;
  return make(buffer, options);
}

async function readBuffer(device: Device, buffer: GpuBuffer, size: number): Promise<ArrayBuffer> {
  const copy = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, copy, 0, size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(MAP_READ);
  const bytes = copy.getMappedRange().slice(0);
  copy.destroy();
  return bytes;
}
