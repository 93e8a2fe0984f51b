import { describe, expect, test } from 'vitest';
import { MemoryStorage } from './__fixtures__/memory-storage.js';
import { loadModelFile, MODEL_PATHS } from './__fixtures__/models.js';
import { GraphIndex, parseModel, readModel, readWeightBytes, topologicalSort } from './index.js';

describe.each(MODEL_PATHS)('%s', (path) => {
  const bytes = loadModelFile(path);

  test('readModel gives what parseModel gives, with weights left in the file', async () => {
    const parsed = parseModel(bytes);
    const read = await readModel(new MemoryStorage({ 'a/model.onnx': bytes }), 'a/model.onnx');
    expect(parsed.graph.nodes.length).toBeGreaterThan(10);
    const order = [...parsed.graph.nodes];
    topologicalSort(parsed.graph);
    expect(parsed.graph.nodes).toEqual(order);
    new GraphIndex(parsed.graph);
    for (const [name, weight] of parsed.graph.initializers) {
      const other = read.graph.initializers.get(name)!;
      expect(Buffer.compare(await readWeightBytes(weight), await readWeightBytes(other))).toBe(0);
    }
  });
});
