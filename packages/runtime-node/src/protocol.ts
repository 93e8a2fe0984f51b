import type { DType } from '@cachequant/tensor';

/** A tensor on its way between the threads; the buffer is moved, never shared. */
export interface HostTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly buffer: ArrayBuffer;
}

/** A tensor that stays in the worker, under a number. */
export interface HeldTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly held: number;
}

export type WireTensor = HostTensor | HeldTensor;

export interface LoadRequest {
  readonly model: string | ArrayBuffer;
  readonly externalData: readonly { readonly path: string; readonly buffer: ArrayBuffer }[];
  readonly optimization: 'disabled' | 'basic' | 'extended' | 'all';
  readonly keep: readonly string[];
  /** An empty folder for the profile, which the worker removes; undefined for none. */
  readonly profileFolder: string | undefined;
}

/** What ONNX Runtime says about an input or output; `type` is undefined for what is not a tensor. */
export interface ValueDescription {
  readonly name: string;
  readonly type: string | undefined;
  readonly shape: readonly (number | string | undefined)[];
}

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

/** What the worker can be asked to do. */
export interface Calls {
  start: { request: { threads: number }; response: { version: string } };
  load: { request: LoadRequest; response: SessionDescription };
  run: {
    request: { session: number; feeds: Readonly<Record<string, WireTensor>>; outputs: readonly string[] };
    response: Record<string, WireTensor>;
  };
  endProfiling: { request: { session: number }; response: readonly KernelEvent[] };
  release: { request: { session: number }; response: undefined };
  readHeld: { request: { held: number }; response: HostTensor };
  dropHeld: { request: { held: number }; response: undefined };
}

export type Call = {
  [K in keyof Calls]: { readonly kind: K; readonly request: Calls[K]['request'] };
}[keyof Calls];

/** `state` is shared by both threads when the call can be aborted while it waits; see `CallState`. */
export type Envelope = Call & { readonly id: number; readonly state: Int32Array | undefined };

export type Reply =
  | { readonly id: number; readonly value: Calls[keyof Calls]['response'] }
  | { readonly id: number; readonly error: string };

/** A call is either started by the worker or aborted by its caller, whoever changes the state first. */
export const CallState = { waiting: 0, started: 1, aborted: 2 } as const;
