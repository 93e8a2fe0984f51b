import { describe, expect, test } from 'vitest';
import { loadModelFile, MODEL_PATHS } from '../__fixtures__/models.js';
import { exampleDims, exposeTensors, randomFeeds, runModel } from '../__fixtures__/reference.js';
import { parseModel } from '../read/parse-model.js';
import { inferShapes } from './infer-shapes.js';

describe.each(MODEL_PATHS)('%s', (path) => {
  test('inferShapes gives every tensor the type and shape that onnxruntime computes', async () => {
    const bytes = loadModelFile(path);
    const model = parseModel(bytes);
    model.graph.valueInfo.clear();
    const inputDims = exampleDims(model);
    const inferred = inferShapes(model, { inputDims });
    const outputs = new Set(model.graph.outputs.map(({ name }) => name));
    const inner = model.graph.nodes
      .flatMap((node) => node.outputs)
      .filter((name) => name !== '' && !outputs.has(name));
    const results = await runModel(exposeTensors(bytes, inner), randomFeeds(model, inputDims, 1));
    expect(Object.keys(results).length).toBe(inner.length + outputs.size);
    for (const [name, { type, dims, data }] of Object.entries(results)) {
      const { values, ...said } = inferred.get(name)!;
      expect({ name, ...said }).toEqual({ name, dtype: type, dims: [...dims] });
      if (values !== undefined) {
        const elements = Array.from(data as Float32Array | BigInt64Array, Number);
        for (const [at, value] of values.entries()) {
          expect(value ?? elements[at]).toBeCloseTo(elements[at]!, 5);
        }
      }
    }
  });
});
