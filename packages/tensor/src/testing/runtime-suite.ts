import type { ModelSource, Runtime } from '../index.js';
import type { TestApi } from './test-api.js';

/** What a runtime's suite needs to know of it. */
export interface RuntimeSuiteOptions {
  /**
   * Puts files, by name, where the runtime can open them, and returns the source of `model.onnx`. Without
   * it, only models in memory are tried.
   */
  readonly place?: (files: ReadonlyMap<string, Uint8Array>) => Promise<ModelSource>;
  /** Whether the runtime can profile; true when left out. */
  readonly profiling?: boolean;
  /** Whether int64 has 64 bits; true when left out. Others refuse what does not fit. */
  readonly wideIntegers?: boolean;
  /** Products of 384 × 384 matrices that take the runtime a few tenths of a second; 60 when left out. */
  readonly slowDepth?: number;
}

/** What the cases share. */
export interface RuntimeSuite extends RuntimeSuiteOptions, TestApi {
  /** The runtime of the whole suite; only inside a test. */
  readonly runtime: () => Runtime;
  readonly factory: () => Promise<Runtime>;
}
