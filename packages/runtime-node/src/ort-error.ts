import type { CacheQuantError } from '@cachequant/tensor';
import { type Hint, runtimeError } from '@cachequant/tensor/worker-runtime';

const HINTS: readonly Hint[] = [
  [
    /Cannot find (package|module).*onnxruntime-node/,
    'Install it beside this package: npm install onnxruntime-node. Where that fails because NuGet cannot be reached, set ONNXRUNTIME_NODE_INSTALL=skip; the processor needs nothing from there',
  ],
  [
    /onnxruntime_binding\.node/,
    'onnxruntime-node has no binary for this platform; see the platform table of @cachequant/runtime-node',
  ],
];

/** Wraps a message of ONNX Runtime with the place and, for the usual cases, what to do. */
export function ortError(summary: string, where: string, message: string): CacheQuantError {
  return runtimeError(summary, where, message, HINTS);
}
