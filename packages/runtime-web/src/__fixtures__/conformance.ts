import { createWebRuntime, type WebRuntimeOptions } from '@cachequant/runtime-web';
import { describeRuntime } from '@cachequant/tensor/testing';
import { type PageResult, runSuite } from './page-suite.js';

declare global {
  var conformance: (options: WebRuntimeOptions) => Promise<{ facts: object; results: PageResult[] }>;
}

/** The suite that every runtime must pass, with what the runtime says about itself. */
globalThis.conformance = async (options) => {
  const runtime = await createWebRuntime(options);
  const { name, version, threads, backend, adapter } = runtime;
  const facts = { name, version, threads, backend, adapter, capabilities: await runtime.capabilities() };
  await runtime.dispose();
  const results = await runSuite((api) =>
    describeRuntime(name, () => createWebRuntime(options), api, { place, profiling: false }),
  );
  return { facts, results };
};

/** Files where the server of the test puts them. */
async function place(files: ReadonlyMap<string, Uint8Array>) {
  for (const [name, bytes] of files)
    await fetch(`placed/${name}`, { method: 'PUT', body: bytes as BodyInit });
  return { url: 'placed/model.onnx' };
}
