// @ts-check
/**
 * Measures DiT-XL/2 at its full size with weights from a seed: one full and one cached call in float, and the memory that
 * they take. `node scripts/full-size/measure.mjs <empty folder with 3 GB of room>`, after `npm run build`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = new URL('../../', import.meta.url);
/** @param {string} path */
const load = (path) => import(new URL(`packages/${path}`, root).href);
const { buildGraph } = await load('architectures/dist/index.js');
const { writeModel } = await load('onnx/dist/index.js');
const { makeDenoiserGraphs } = await load('optimizer/dist/graphs/denoiser-graphs.js');
const { loadGraph } = await load('pipeline/dist/index.js');
const { createNodeRuntime, nodeStorage } = await load('runtime-node/dist/index.js');
const { TorchGenerator, finishUnlessAborted, tensor } = await load('tensor/dist/index.js');

const SIZES = { hidden_states: [2, 4, 32, 32], timestep: [2], class_labels: [2] };
const RUNS = 3;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('give an empty folder');
const storage = nodeStorage(folder);
const source = new URL('fixtures/architectures/full-size/dit-xl-2.json.gz', root);
const { className, config } = JSON.parse(gunzipSync(readFileSync(source)).toString());
const { model, parameters } = buildGraph({ className, config });

// One table of normal numbers for all tensors: what is measured does not depend on the values.
const table = new TorchGenerator(0).randn(1 << 20);
const writer = await storage.create('weights.bin');
let offset = 0;
for (const [name, weight] of model.graph.initializers) {
  if (!parameters.has(name) || weight.data.kind !== 'range') continue;
  const count = weight.dims.reduce(
    (/** @type {number} */ product, /** @type {number} */ dim) => product * dim,
    1,
  );
  const deviation = 1 / Math.sqrt(Math.max(1, count / (weight.dims[0] ?? 1)));
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = (table[(i + offset) % table.length] ?? 0) * deviation;
  await writer.write(new Uint8Array(values.buffer));
  model.graph.initializers.set(name, {
    ...weight,
    data: { kind: 'external', location: 'weights.bin', offset, length: 4 * count },
  });
  offset += 4 * count;
}
await writer.commit();

const { full, cached } = await finishUnlessAborted(
  makeDenoiserGraphs(model, { inputDims: SIZES }),
  undefined,
);
await writeModel(storage, 'full.onnx', full.model);
await writeModel(storage, 'cached.onnx', cached.model);

const runtime = await createNodeRuntime();
const feeds = {
  hidden_states: tensor('float32', SIZES.hidden_states, new TorchGenerator(1).randn(2 * 4 * 32 * 32)),
  timestep: tensor('float32', [2], Float32Array.of(500, 500)),
  class_labels: tensor('int64', [2], BigInt64Array.of(3n, 1000n)),
};
const whole = await measured('full.onnx', feeds);
const rest = await measured('cached.onnx', { ...feeds, cached_features: whole.outputs.cached_features });
await runtime.dispose();
/** @type {(name: string) => Float32Array} */
const predicted = (name) => (name === 'full' ? whole : rest).outputs[full.model.graph.outputs[0].name].data;
const largest = predicted('full').reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const error = predicted('full').reduce(
  (most, value, i) => Math.max(most, Math.abs(value - (predicted('cached')[i] ?? 0))),
  0,
);
const result = {
  model: 'DiT-XL/2',
  machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
  weights: 'from a seed',
  fullMs: whole.ms,
  cachedMs: rest.ms,
  fullMultiplyAdds: full.totalMacs,
  cachedMultiplyAdds: cached.totalMacs,
  /** Of the cached call with the features of the full one, against it. */
  relativeError: error / largest,
  fullMemoryBytes: whole.memoryBytes,
  cachedMemoryBytes: rest.memoryBytes,
};
const place = fileURLToPath(new URL('packages/optimizer/results/full-size-measured.json', root));
writeFileSync(place, `${JSON.stringify(result, null, 2)}\n`);
console.log(pathToFileURL(place).href, result);

/**
 * The fastest of a few calls, and what the process has in memory behind them.
 * @param {string} graph
 * @param {Record<string, unknown>} given
 */
async function measured(graph, given) {
  const session = await loadGraph(runtime, storage, graph);
  let ms = Number.POSITIVE_INFINITY;
  let outputs;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    outputs = await session.run(
      Object.fromEntries(
        session.inputs.map((/** @type {{ name: string }} */ { name }) => [name, given[name]]),
      ),
    );
    ms = Math.min(ms, performance.now() - start);
  }
  const memoryBytes = process.memoryUsage.rss();
  const read = Object.fromEntries(
    await Promise.all(
      Object.entries(outputs).map(async ([name, value]) => [
        name,
        'read' in value ? await value.read() : value,
      ]),
    ),
  );
  await session.dispose();
  return { ms, outputs: read, memoryBytes };
}
