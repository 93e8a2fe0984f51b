import { test } from 'vitest';
import { readFileSync } from 'node:fs';
import { applyCut, countMultiplyAdds, findCuts, inferShapes, parseModel } from './index.js';
test('x', () => {

const model = parseModel(readFileSync('models/fashion-sd/unet/model.onnx'));
const inputDims = { sample: [1, 4, 16, 16], timestep: [], encoder_hidden_states: [1, 16, 64] };
const shapes = inferShapes(model, { inputDims });
console.log(shapes.get('out_sample'));

const { total, byNode } = countMultiplyAdds(model, shapes);
const products = [...byNode.values()].filter(({ constantWeight }) => !constantWeight);
console.log(`${total / 1e6} million multiply-adds, ${byNode.size - products.length} layers, ${products.length} products`);
const [best] = findCuts(model, { inputDims });
const { full, cached, cacheName } = applyCut(model, best);
console.log(best.id, best.cacheDims, best.cachedShare.toFixed(3));
console.log(full.graph.outputs.map(({ name }) => name), cached.graph.inputs.map(({ name }) => name));
console.log(`${full.graph.nodes.length} nodes, cached ${cached.graph.nodes.length}`, cacheName);
});
