import type { AdapterDescription } from './protocol.js';

/** What is needed here of WebGPU's types, which TypeScript's own libraries lack. */
interface Gpu {
  requestAdapter(): Promise<GpuAdapter | null>;
}
interface GpuAdapter {
  readonly features: ReadonlySet<string>;
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number };
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** The adapter that the browser would give to WebGPU, on a page or in a worker; undefined where there is none. */
export async function describeAdapter(): Promise<AdapterDescription | undefined> {
  const gpu = (globalThis.navigator as { readonly gpu?: Gpu } | undefined)?.gpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return undefined;
  const { vendor = '', architecture = '', description = '', isFallbackAdapter } = adapter.info ?? {};
  const software =
    (isFallbackAdapter ?? adapter.isFallbackAdapter ?? false) || /swiftshader|llvmpipe/i.test(architecture);
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return {
    vendor,
    architecture,
    description,
    software,
    float16: adapter.features.has('shader-f16'),
    largestTensorBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
  };
}
