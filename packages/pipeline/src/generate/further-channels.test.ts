import { encodeModel, makeNode, parseModel, weightOf } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { tensor, writeFile } from '@cachequant/tensor';
import { expect, it } from 'vitest';
import { modelCopy } from '../__fixtures__/models.js';
import { createGenerator } from './generator.js';

it('createGenerator(options) names a model for inpainting, before anything runs', async () => {
  const storage = await modelCopy('fashion-sd');
  const model = parseModel(await storage.read('unet/model.onnx'));
  const { graph } = model;
  const at = graph.inputs.findIndex(({ name }) => name === 'sample');
  graph.inputs[at] = { ...graph.inputs[at]!, dims: ['batch', 9, 'height', 'width'] };
  for (const node of graph.nodes) {
    for (const [i, name] of node.inputs.entries()) if (name === 'sample') node.inputs[i] = 'noise';
  }
  for (const [name, value] of [
    ['from', 0],
    ['to', 4],
    ['axis', 1],
  ] as const) {
    graph.initializers.set(name, weightOf(tensor('int64', [1], BigInt64Array.of(BigInt(value))), name));
  }
  graph.nodes.unshift(makeNode('Slice', ['sample', 'from', 'to', 'axis'], ['noise']));
  await writeFile(storage, 'unet/model.onnx', encodeModel(model));
  const runtime = await createNodeRuntime({ threads: 1 });
  try {
    await expect(createGenerator({ storage, runtime })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(
        /inpainting \(expected 4 channels, the noisy sample alone, got 9 channels\)/,
      ),
    });
  } finally {
    await runtime.dispose();
  }
});
