import type { Tensor } from '@cachequant/tensor';
import type { HeldTensor, SessionCalls, SessionDescription } from '@cachequant/tensor/worker-runtime';
import type { HostOperators } from './host-log.js';

/** What computes: each is a build of onnxruntime-web of its own. */
export type Backend = 'wasm' | 'webgpu';

/** Where onnxruntime-web finds its binary; a string is a folder with both files. */
export type WasmPaths = string | { readonly wasm?: string; readonly mjs?: string };

/** The graphics processor that WebGPU runs on, as far as the browser tells. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** Computed by the processor: correct but slow. */
  readonly software: boolean;
  /** Half precision in shaders. */
  readonly float16: boolean;
  /** Bytes of the largest tensor that a shader can be given. */
  readonly largestTensorBytes: number;
}

export interface StartRequest {
  readonly threads: number;
  readonly wasmPaths: WasmPaths | undefined;
}

export interface StartResponse {
  readonly version: string;
  /** Undefined for WebAssembly. */
  readonly adapter: AdapterDescription | undefined;
}

export interface LoadRequest {
  readonly model: ArrayBuffer;
  readonly externalData: readonly { readonly path: string; readonly buffer: ArrayBuffer }[];
  readonly optimization: 'disabled' | 'basic' | 'extended' | 'all';
  readonly keep: readonly string[];
}

export interface LoadResponse extends SessionDescription {
  /** What ONNX Runtime placed on the processor in spite of the graphics processor; always empty for WebAssembly. */
  readonly hostOperators: HostOperators;
}

/** What the worker can be asked to do. */
export interface Calls extends SessionCalls {
  start: { request: StartRequest; response: StartResponse };
  load: { request: LoadRequest; response: LoadResponse };
  place: { request: { readonly tensor: Tensor }; response: HeldTensor };
}

export type Call = {
  [K in keyof Calls]: { readonly kind: K; readonly request: Calls[K]['request'] };
}[keyof Calls];

export type Reply = { readonly value: Calls[keyof Calls]['response'] } | { readonly error: string };
