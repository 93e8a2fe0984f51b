import type { ModelSource, Runtime } from '../index.js';
import { deviceTensorCases } from './runtime-cases/device-tensors.js';
import { elementTypeCases } from './runtime-cases/element-types.js';
import { feedCases } from './runtime-cases/feeds.js';
import { lifetimeCases } from './runtime-cases/lifetime.js';
import { loadCases } from './runtime-cases/load.js';
import { runCases } from './runtime-cases/run.js';
import type { TestApi } from './test-api.js';

export interface RuntimeSuiteOptions {
  /**
   * Puts files, by name, where the runtime can open them, and returns the source of `model.onnx`. Without
   * it, only models in memory are tried.
   */
  readonly place?: (files: ReadonlyMap<string, Uint8Array>) => Promise<ModelSource>;
  /** Whether the runtime can profile; true when left out. */
  readonly profiling?: boolean;
  /** Products of 384 × 384 matrices that take the runtime a few tenths of a second; 60 when left out. */
  readonly slowDepth?: number;
}

/** What the cases share. */
export interface RuntimeSuite extends RuntimeSuiteOptions, TestApi {
  /** The runtime of the whole suite; only inside a test. */
  readonly runtime: () => Runtime;
  readonly factory: () => Promise<Runtime>;
}

/** The tests that every runtime must pass. */
export function describeRuntime(
  name: string,
  factory: () => Promise<Runtime>,
  api: TestApi,
  options: RuntimeSuiteOptions = {},
): void {
  api.describe(`${name} as a runtime`, () => {
    let shared: Runtime | undefined;
    api.beforeAll(async () => {
      shared = await factory();
    });
    api.afterAll(async () => {
      await shared?.dispose();
    });
    const runtime = () => {
      if (shared === undefined) throw new Error('the runtime was not created');
      return shared;
    };
    const suite: RuntimeSuite = { ...api, ...options, factory, runtime };
    for (const cases of [
      loadCases,
      runCases,
      feedCases,
      elementTypeCases,
      lifetimeCases,
      deviceTensorCases,
    ]) {
      cases(suite);
    }
  });
}
