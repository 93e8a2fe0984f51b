import type { CacheQuantError } from '@cachequant/tensor';
import { type Hint, runtimeError } from '@cachequant/tensor/worker-runtime';

const HINTS: readonly Hint[] = [
  [
    /no available backend found|fetching of the wasm failed|Failed to fetch/i,
    'Serve onnxruntime-web’s .wasm file beside its module, or say where it is in `assets.wasmPaths`',
  ],
  [
    /memory access out of bounds|Out of memory|RangeError|WebAssembly\.Memory/i,
    'There is too little memory: WebAssembly has 4 GB at most. Use a smaller model, or reload the page',
  ],
];

/** Wraps a message of ONNX Runtime with the place and, for the usual cases, what to do. */
export function ortError(summary: string, where: string, message: string): CacheQuantError {
  return runtimeError(summary, where, message, HINTS);
}
