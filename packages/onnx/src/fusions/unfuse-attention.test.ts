import { describe, expect, test } from 'vitest';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { inferShapes } from '../analyze/infer-shapes.js';
import { parseModel } from '../read/parse-model.js';
import { encodeModel } from '../write/encode-model.js';
import { fuseAttention } from './fuse-attention.js';
import { unfuseAttention } from './unfuse-attention.js';

describe.each(['fashion-sd/unet', 'tiny/dit'])('unfuseAttention %s', (name) => {
  const model = parseModel(loadModelFile(`${name}/model.onnx`));
  const inputDims = exampleDims(model);
  const fused = fuseAttention(model, inferShapes(model, { inputDims }));
  const apart = unfuseAttention(fused);
  const count = (type: string) => apart.graph.nodes.filter(({ opType }) => opType === type).length;

  test('leaves no fused attention behind', () => {
    expect(count('MultiHeadAttention')).toBe(0);
    const attentions = fused.graph.nodes.filter(({ opType }) => opType === 'MultiHeadAttention');
    expect(count('Softmax')).toBe(attentions.length);
  });

  test('computes what the model computes', async () => {
    const feeds = randomFeeds(model, inputDims, 1);
    const [expected, got] = [
      await runModel(encodeModel(model), feeds),
      await runModel(encodeModel(apart), feeds),
    ];
    for (const [output, { data }] of Object.entries(expected)) {
      const values = got[output]!.data as Float32Array;
      const most = (data as Float32Array).reduce(
        (m, value, i) => Math.max(m, Math.abs(value - values[i]!)),
        0,
      );
      expect(most).toBeLessThan(1e-4);
    }
  });
});
