import type { SessionCalls, SessionDescription } from '@cachequant/tensor/worker-runtime';

export interface LoadRequest {
  readonly model: string | ArrayBuffer;
  readonly externalData: readonly { readonly path: string; readonly buffer: ArrayBuffer }[];
  /** Where further external data of a model in memory lies. */
  readonly externalFolder: string | undefined;
  readonly optimization: 'disabled' | 'basic' | 'extended' | 'all';
  readonly keep: readonly string[];
  /** An empty folder for the profile, which the worker removes; undefined for none. */
  readonly profileFolder: string | undefined;
}

/** What the worker can be asked to do. */
export interface Calls extends SessionCalls {
  start: { request: { threads: number }; response: { version: string } };
  load: { request: LoadRequest; response: SessionDescription };
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
