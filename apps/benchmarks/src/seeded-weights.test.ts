import { GraphIndex, openSource, readModel, readModelFrom } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { describe, expect, it } from 'vitest';
import { SKELETON } from './paths.js';
import { fanInOf, SeededWeights } from './seeded-weights.js';

describe('the skeleton of SD-1.5', async () => {
  const model = await readModelFrom(await openSource(nodeStorage(SKELETON), 'model.onnx'));
  const weights = [...model.graph.initializers.values()];
  const find = (dims: string) =>
    weights.find((weight) => weight.dims.join() === dims && weight.data.kind === 'external')!;
  const index = new GraphIndex(model.graph);

  it('has the parameters of the model it stands for', () => {
    const floats = weights.filter(({ dtype }) => dtype === 'float32');
    const count = floats.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
    expect(count / 1e6).toBeCloseTo(859.5, 0);
  });

  it('has no weights of its own', async () => {
    await expect(readModel(nodeStorage(SKELETON), 'model.onnx')).rejects.toMatchObject({ code: 'storage' });
  });

  it.each([
    ['1280,2560,3,3', 2560 * 9],
    ['320,2560', 320],
  ])('knows the fan-in of a weight [%s]', (dims, fanIn) => {
    expect(fanInOf(index, find(dims))).toBe(fanIn);
  });

  it('gets the same weights each time, with a variance of 1 / fan-in, and others for another tensor', () => {
    const weight = find('320,2560');
    const values = new SeededWeights(0).fill(weight, 320, 7);
    const differing = (other: Float32Array) => other.filter((value, i) => value !== values[i]).length;
    expect(differing(new SeededWeights(0).fill(weight, 320, 7))).toBe(0);
    expect(differing(new SeededWeights(0).fill(weight, 320, 8))).toBeGreaterThan(values.length / 2);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * 320).toBeCloseTo(1, 1);
  });
});
