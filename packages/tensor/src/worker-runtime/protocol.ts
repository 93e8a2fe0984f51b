import type { CacheQuantError, DType, Tensor } from '../index.js';

/** A tensor that stays in the worker, under a number. */
export interface HeldTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly held: number;
}

/** A tensor on its way between the threads; the memory behind `data` is moved, never shared. */
export type WireTensor = Tensor | HeldTensor;

/** What ONNX Runtime says about an input or output; `type` is undefined for what is not a tensor. */
export interface ValueDescription {
  readonly name: string;
  readonly type: string | undefined;
  readonly shape: readonly (number | string | undefined)[];
}

/** A session as its worker describes it. */
export interface SessionDescription {
  readonly session: number;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
}

/** One event of ONNX Runtime's profile that a node's kernel caused. */
export interface KernelEvent {
  readonly name: string;
  readonly opType: string;
  readonly provider: string;
  readonly durationMs: number;
  readonly inputTypes: readonly string[];
}

/** What every worker can be asked to do about a session that was loaded; how to load one is the runtime's own. */
export interface SessionCalls {
  run: {
    request: {
      readonly session: number;
      readonly feeds: Readonly<Record<string, WireTensor>>;
      readonly outputs: readonly string[];
    };
    response: Record<string, WireTensor>;
  };
  endProfiling: { request: { readonly session: number }; response: readonly KernelEvent[] };
  release: { request: { readonly session: number }; response: undefined };
  readHeld: { request: { readonly held: number }; response: Tensor };
  dropHeld: { request: { readonly held: number }; response: undefined };
}

/** What the worker's failure is to be wrapped in. */
export type Wrap = (message: string) => CacheQuantError;

/** Buffers that move to the worker, a signal, and how the results are wrapped. */
export interface CallOptions {
  /** Buffers that are moved instead of copied. */
  readonly moved?: readonly ArrayBuffer[];
  readonly signal?: AbortSignal | undefined;
  readonly wrap: Wrap;
}

/** The caller's end of a worker, which answers in the order of the calls. */
export interface SessionWorker {
  /** Where device tensors say they are. */
  readonly device: string;
  /** Whether the worker is gone. */
  readonly ended: boolean;
  /**
   * Asks the worker for something and waits for its answer.
   * @throws CacheQuantError what `wrap` makes of a failure; `aborted`; `runtime` when the worker is gone
   */
  call<K extends keyof SessionCalls>(
    kind: K,
    request: SessionCalls[K]['request'],
    options: CallOptions,
  ): Promise<SessionCalls[K]['response']>;
}

/** The memory of those results that are not held. */
export function buffersOf(tensors: Readonly<Record<string, WireTensor>>): ArrayBuffer[] {
  const buffers = Object.values(tensors).flatMap((t) => ('data' in t ? [t.data.buffer as ArrayBuffer] : []));
  return [...new Set(buffers)];
}
