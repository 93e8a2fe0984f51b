import { createWebRuntime, type WebRuntimeOptions } from '@cachequant/runtime-web';
import { CacheQuantError } from '@cachequant/tensor';
import { describeRuntime } from '@cachequant/tensor/testing';
import { PROBE_MODEL } from '@cachequant/tensor/worker-runtime';
import { type PageResult, runSuite } from './page-suite.js';

declare global {
  var conformance: (options: WebRuntimeOptions) => Promise<{ facts: object; results: PageResult[] }>;
  /** What becomes of a model with integer layers: what is said of it, and what the caller is told. */
  var loadIntegers: (options: WebRuntimeOptions) => Promise<{ outcome: string; warnings: string[] }>;
}

/** The suite that every runtime must pass, with what the runtime says about itself. */
globalThis.conformance = async (options) => {
  const runtime = await createWebRuntime(options);
  const { name, version, threads, backend, adapter } = runtime;
  const facts = { name, version, threads, backend, adapter, capabilities: await runtime.capabilities() };
  await runtime.dispose();
  const results = await runSuite((api) =>
    describeRuntime(name, () => createWebRuntime(options), api, {
      place,
      profiling: false,
      // Graphics in software takes a second for one product.
      ...(adapter?.software && { slowDepth: 1 }),
    }),
  );
  return { facts, results };
};

globalThis.loadIntegers = async (options) => {
  const warnings: string[] = [];
  const runtime = await createWebRuntime({ ...options, onWarning: (text) => warnings.push(text) });
  const bytes = Uint8Array.from(atob(PROBE_MODEL), (character) => character.charCodeAt(0));
  const outcome = await runtime.load({ bytes }).then(
    ({ hostOperators }) => JSON.stringify(hostOperators),
    (error) => (CacheQuantError.is(error) ? `${error.code}: ${error.message}` : String(error)),
  );
  await runtime.dispose();
  return { outcome, warnings };
};

/** Files where the server of the test puts them. */
async function place(files: ReadonlyMap<string, Uint8Array>) {
  for (const [name, bytes] of files)
    await fetch(`placed/${name}`, { method: 'PUT', body: bytes as BodyInit });
  return { url: 'placed/model.onnx' };
}
