import { CacheQuantError } from '@cachequant/tensor';
import { describeAdapter } from './describe-adapter.js';
import type { Backend } from './protocol.js';

/** Where the networks run; `auto` takes WebGPU where it works. */
export type Device = 'wasm' | 'webgpu' | 'auto';

interface BackendOptions {
  readonly device?: Device;
  readonly threads?: number;
  readonly allowFallback?: boolean;
  readonly onWarning?: (message: string) => void;
}

/** ONNX Runtime gains little from more, and the page wants to go on. */
const MOST_THREADS = 4;

/** @throws CacheQuantError `unsupported` when WebGPU was asked for, is not there, and no fallback is allowed */
export async function chooseBackend({ device = 'auto', ...wishes }: BackendOptions): Promise<Backend> {
  if (device === 'wasm') return 'wasm';
  const adapter = await describeAdapter();
  if (device === 'auto') return adapter !== undefined && !adapter.software ? 'webgpu' : 'wasm';
  if (adapter !== undefined) return 'webgpu';
  fallBack(wishes, 'this browser gives no WebGPU adapter', 'WebAssembly is used in its place', {
    where: 'createWebRuntime, device',
    expected: 'a browser with WebGPU on a page served by https or from localhost',
    got: 'navigator' in globalThis && 'gpu' in navigator ? 'no adapter' : 'no navigator.gpu',
  });
  return 'wasm';
}

/** @throws CacheQuantError `invalid-argument`; `unsupported` for threads on a page that is not isolated */
export function chooseThreads(wishes: BackendOptions): number {
  const { threads } = wishes;
  const isolated = globalThis.crossOriginIsolated === true;
  if (threads === undefined) {
    return isolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
  }
  if (!Number.isInteger(threads) || threads < 1) {
    throw new CacheQuantError('invalid-argument', 'the number of threads is wrong', {
      where: 'createWebRuntime, threads',
      expected: 'a whole number from 1',
      got: String(threads),
    });
  }
  if (threads === 1 || isolated) return threads;
  fallBack(wishes, 'threads need a page that is cross-origin isolated', 'One thread is used', {
    where: 'createWebRuntime, threads',
    expected: 'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    got: `${threads} threads on a page without isolation`,
  });
  return 1;
}

/** Nothing is replaced in silence: without leave it is an error, with leave a warning. */
function fallBack(
  { allowFallback = false, onWarning }: BackendOptions,
  summary: string,
  instead: string,
  details: { where: string; expected: string; got: string },
): void {
  if (allowFallback) {
    onWarning?.(`${summary[0]?.toUpperCase()}${summary.slice(1)}. ${instead}.`);
    return;
  }
  const hint = 'Leave it to the runtime by leaving it out, or set `allowFallback`';
  throw new CacheQuantError('unsupported', summary, { ...details, hint });
}
