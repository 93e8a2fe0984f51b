import {
  applyCut,
  type CutCandidate,
  findCuts,
  freezeShapes,
  type OnnxModel,
  readModel,
  widenWeights,
  writeModel,
} from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import {
  type Feeds,
  type Runtime,
  readTensor,
  type Tensor,
  TorchGenerator,
  tensor,
} from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { loadGraph } from './load-graph.js';
import { openModelFolder } from './model-folder.js';

const SD3 = {
  hidden_states: [2, 4, 16, 16],
  encoder_hidden_states: [2, 20, 48],
  pooled_projections: [2, 40],
};
const FLUX = {
  hidden_states: [2, 64, 16],
  encoder_hidden_states: [2, 20, 48],
  pooled_projections: [2, 16],
  txt_ids: [20, 3],
  img_ids: [64, 3],
};

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

async function run(model: OnnxModel, feeds: Feeds): Promise<Record<string, Tensor>> {
  const storage = memoryStorage();
  await writeModel(storage, 'model.onnx', model);
  const session = await loadGraph(runtime, storage, 'model.onnx');
  const own = session.inputs.map(({ name }) => [name, feeds[name]!] as const);
  const outputs = await session.run(Object.fromEntries(own));
  const read: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(outputs)) read[name] = await readTensor(value);
  await session.dispose();
  return read;
}

function largestDifference({ data: a }: Tensor, { data: b }: Tensor): number {
  return Array.from(a as Float32Array).reduce(
    (most, value, at) => Math.max(most, Math.abs(value - Number(b[at]))),
    0,
  );
}

describe.each([
  // Three blocks, of which the last one changes the image alone.
  ['sd3', SD3, ['joint-delta-1-2', 'joint-delta-0-2', 'joint-delta-0-1']],
  // Blocks with a second attention beside the first, then blocks without.
  ['sd35', SD3, ['joint-delta-1-3', 'joint-delta-0-3']],
  // Two blocks with two streams, then two with the one that they are joined to.
  ['flux-dev', { ...FLUX, guidance: [2] }, ['joint-delta-1-3', 'joint-delta-1-2', 'joint-delta-0-2']],
  ['flux-schnell', FLUX, ['joint-delta-1-3', 'joint-delta-0-3']],
])('cuts of models/tiny/%s', (name, dims, ids) => {
  const inputDims: Record<string, number[]> = { ...dims, timestep: [2] };
  let model: OnnxModel;
  let cuts: CutCandidate[];
  let feeds: Feeds;
  let expected: Tensor;
  beforeAll(async () => {
    const { storage, denoiser } = await openModelFolder(modelStorage(`tiny/${name}`));
    model = widenWeights(await readModel(storage, denoiser.model));
    cuts = findCuts(model, { inputDims });
    const generator = new TorchGenerator(5);
    feeds = Object.fromEntries(
      Object.entries(inputDims).map(([input, sizes]) => {
        const count = sizes.reduce((product, size) => product * size, 1);
        return [input, tensor('float32', sizes, generator.randn(count))];
      }),
    );
    expected = (await run(model, feeds)).out_hidden_states!;
  });

  it('cache both streams', () => {
    expect(cuts.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
    expect(cuts[0]!.id).toBe(ids[0]);
    expect(cuts[0]!.cachedShare).toBeLessThan(0.7);
  });

  it.each(ids)('%s: both halves compute what the model does, with open sizes and fixed ones', async (id) => {
    const cut = cuts.find((candidate) => candidate.id === id)!;
    const largest = Math.max(...Array.from(expected.data as Float32Array, Math.abs));
    const { full, cached, cacheName } = applyCut(model, cut);
    expect(cached.graph.nodes.length).toBeLessThan(full.graph.nodes.length);
    const fresh = await run(full, feeds);
    expect(fresh[cacheName]!.dims).toEqual(cut.cacheDims);
    expect(largestDifference(fresh.out_hidden_states!, expected)).toBeLessThan(1e-6 * largest);
    const given = { ...feeds, [cacheName]: fresh[cacheName]! };
    const used = cached.graph.inputs.map((input) => [input.name, given[input.name]!.dims] as const);
    for (const graph of [cached, freezeShapes(cached, Object.fromEntries(used))]) {
      const reused = await run(graph, given);
      expect(largestDifference(reused.out_hidden_states!, expected)).toBeLessThan(1e-5 * largest);
    }
  });
});
