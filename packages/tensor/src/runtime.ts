import type { ByteSource } from './byte-source.js';
import type { DeviceTensor, Tensor, TensorInfo } from './tensor.js';

/**
 * Where a model comes from. External data lies beside a path or URL; for bytes it is given by its location's name, or
 * lies in a folder of this machine, which runtimes that open files read without loading them whole. What is given as a
 * source is read a piece at a time by runtimes that can, into a temporary file.
 */
export type ModelSource =
  | { readonly path: string }
  | { readonly url: string }
  | {
      readonly bytes: Uint8Array;
      readonly externalData?: ReadonlyMap<string, Uint8Array | ByteSource>;
      readonly externalFolder?: string;
    };

/** How a model is loaded. */
export interface LoadOptions {
  /** Outputs that stay where they were computed and come back as device tensors. */
  readonly keepOnDevice?: readonly string[];
  /** `disabled` runs the graph as written; `basic` folds constants; `all` is the default. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Collects the runtime's own profile until `endProfiling` is called. */
  readonly profiling?: boolean;
  readonly onProgress?: (progress: { loadedBytes: number; totalBytes: number | undefined }) => void;
  readonly signal?: AbortSignal;
}

/** The inputs of a run, by name. */
export type Feeds = Readonly<Record<string, Tensor | DeviceTensor>>;
/** The results of a run, by name. */
export type Outputs = Record<string, Tensor | DeviceTensor>;

/** Which outputs are computed, which buffers of inputs are given away, and a signal that stops the run. */
export interface RunOptions {
  /** Which outputs to compute; all when left out. */
  readonly outputs?: readonly string[];
  /** Feeds whose memory the runtime may take away instead of copying it; those arrays are empty afterwards. */
  readonly transfer?: readonly string[];
  /** Looked at before the run starts; a native run that has started goes on to its end. */
  readonly signal?: AbortSignal;
}

/** Time spent in one node of the graph that the runtime really executed, summed over runs. */
export interface ProfiledNode {
  /** The executed node's name; the runtime's optimizer may have renamed or fused what the file says. */
  readonly name: string;
  readonly opType: string;
  readonly provider: string;
  readonly runs: number;
  readonly totalMs: number;
  /** Of each run, in their order. */
  readonly runMs: readonly number[];
  /** Types of the inputs as the runtime saw them, where it says. */
  readonly inputTypes: readonly string[];
}

/** One loaded model. */
export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the model once. Throws `invalid-argument` for feeds that do not fit, `runtime` and `aborted`.
   * @throws CacheQuantError `runtime`, `invalid-argument` (a missing or unknown feed), `aborted`
   */
  run(feeds: Feeds, options?: RunOptions): Promise<Outputs>;
  /** Ends profiling and returns what was measured; only for a session loaded with `profiling`. */
  endProfiling(): Promise<readonly ProfiledNode[]>;
  /** Frees the session. A later `run` is refused; a second `dispose` does nothing. */
  dispose(): Promise<void>;
}

/** What a runtime can do on this machine. */
export interface RuntimeCapabilities {
  /** Runs QLinearConv and MatMulIntegerToFloat natively. */
  readonly int8: boolean;
  /**
   * Sums of two u8·s8 products do not saturate. False on x64 processors without VNNI, where weights must
   * stay within 7 bits. Found out by running such a product, not from processor flags.
   */
  readonly int8FullRange: boolean;
  readonly float16: boolean;
  readonly deviceTensors: boolean;
  /** Sessions can be loaded with `profiling`. */
  readonly profiling: boolean;
}

/** One way to run ONNX models. Every implementation passes the suite in `@cachequant/tensor/testing`. */
export interface Runtime {
  /** `node-cpu`, `web-wasm`, `web-webgpu`, … */
  readonly name: string;
  /** The version of the library underneath, for reports. */
  readonly version: string;
  readonly threads: number;
  /** What this runtime can do on this machine; probed once. */
  capabilities(): Promise<RuntimeCapabilities>;
  /** Loads a model. Throws `runtime` where it cannot be run, `aborted` on request. */
  load(source: ModelSource, options?: LoadOptions): Promise<Session>;
  /** Copies a tensor to where sessions compute, for feeds that many runs take; left out where nothing is gained. */
  place?(tensor: Tensor): Promise<DeviceTensor>;
  /** Ends the runtime and all of its sessions. */
  dispose(): Promise<void>;
}
