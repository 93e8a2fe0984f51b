import { GraphIndex } from '../analyze/graph-index.js';
import { cloneModel } from '../edit/clone-model.js';
import { removeDeadNodes } from '../edit/dead-nodes.js';
import { setOpset } from '../edit/opset.js';
import type { OnnxModel } from '../model.js';
import { float, makeNode } from '../node.js';
import type { TensorFacts } from '../shapes/facts.js';
import { matchAttention } from './attention-pattern.js';

/**
 * Replaces attention over heads, written out as products, a Softmax and layout changes, by
 * com.microsoft.MultiHeadAttention, which keeps to the layout of the linear layers around it and, for long
 * sequences, never holds all scores at once. Attention with a mask stays as it is. The given model is not changed.
 *
 * Source: Dao et al., FlashAttention, 2022, https://arxiv.org/abs/2205.14135, for what the operator does inside.
 * @param shapes of `inferShapes` with fixed lengths
 */
export function fuseAttention(model: OnnxModel, shapes: ReadonlyMap<string, TensorFacts>): OnnxModel {
  const fused = cloneModel(model);
  const { graph } = fused;
  const index = new GraphIndex(graph);
  const found = graph.nodes.flatMap((node) => matchAttention(index, shapes, node) ?? []);
  if (found.length === 0) return fused;
  setOpset(fused, 'com.microsoft', 1);
  for (const { query, key, value, heads, scale, end } of found) {
    graph.nodes[graph.nodes.indexOf(end)] = makeNode(
      'MultiHeadAttention',
      [query, key, value],
      [end.outputs[0]!],
      { num_heads: heads, scale: float(scale) },
      { domain: 'com.microsoft', name: `${end.name || end.outputs[0]}/attention` },
    );
  }
  removeDeadNodes(graph);
  return fused;
}
