import type { Runtime } from '../index.js';
import { deviceTensorCases } from './runtime-cases/device-tensors.js';
import { elementTypeCases } from './runtime-cases/element-types.js';
import { feedCases } from './runtime-cases/feeds.js';
import { lifetimeCases } from './runtime-cases/lifetime.js';
import { loadCases } from './runtime-cases/load.js';
import { runCases } from './runtime-cases/run.js';
import type { RuntimeSuite, RuntimeSuiteOptions } from './runtime-suite.js';
import type { TestApi } from './test-api.js';

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
