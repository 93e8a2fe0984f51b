import {
  cloneModel,
  freshName,
  GraphIndex,
  insertNodes,
  makeNode,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  removeDeadNodes,
  weightOf,
} from '@cachequant/onnx';
import { tensor } from '@cachequant/tensor';
import { findLayers, type Layer } from './layers.js';

/**
 * Computes the first token of a text apart from the others in every matrix product that reads it. The graph computes the
 * same; the first token's product has too few rows for integers and stays in float, and the grid of the others need not
 * span it.
 *
 * Source: Zhao et al., MixDQ, 2024, https://arxiv.org/abs/2405.17873, "BOS-aware quantization". Differs: the first token
 * is computed at each call with the same weight, where MixDQ keeps its keys and values in a table.
 * @param texts graph inputs [B, S, D] by name, with their S, from 2 on
 * @returns a new model; the one given is not changed
 */
export function splitFirstToken(model: OnnxModel, texts: ReadonlyMap<string, number>): OnnxModel {
  if (texts.size === 0) return model;
  const result = cloneModel(model);
  const { graph } = result;
  for (const [text, tokens] of texts) {
    const layers = productsOf(graph, text);
    const parts = layers.length === 0 ? [] : tokenParts(graph, text, tokens);
    for (const layer of layers) splitProduct(graph, layer, parts);
  }
  removeDeadNodes(graph);
  return result;
}

/** Some of a text's tokens. */
interface TokenPart {
  readonly name: 'first_token' | 'other_tokens';
  /** The tensor [B, count, D]. */
  readonly tensor: string;
  readonly count: number;
}

/** The products of all tokens, as [B, S, D] or as [B·S, D]. */
function productsOf(graph: OnnxGraph, text: string): Layer[] {
  const index = new GraphIndex(graph);
  const rows = index
    .consumers(text)
    .filter(({ opType, inputs }) => opType === 'Reshape' && inputs[0] === text);
  const readings = new Set(rows.map(({ outputs }) => outputs[0]!));
  return findLayers(graph).filter(
    ({ node, input }) =>
      (node.opType === 'MatMul' && input === text) || (node.opType === 'Gemm' && readings.has(input)),
  );
}

/** The others come before the first, so that their weight is there to be shared. */
function tokenParts(graph: OnnxGraph, text: string, tokens: number): TokenPart[] {
  const part = (name: TokenPart['name'], start: number, count: number): TokenPart => {
    const made = freshName(graph, `${text}/${name}`);
    const [from, to, axis] = [start, start + count, 1].map((value) => indices(graph, [value]));
    insertNodes(graph, [makeNode('Slice', [text, from!, to!, axis!], [made])], { before: graph.nodes[0] });
    return { name, tensor: made, count };
  };
  return [part('other_tokens', 1, tokens - 1), part('first_token', 0, 1)];
}

function splitProduct(
  graph: OnnxGraph,
  { node, inputs, outputChannels }: Layer,
  parts: readonly TokenPart[],
) {
  const [output] = node.outputs as [string];
  const isRows = node.opType === 'Gemm';
  const fresh = (part: string) => freshName(graph, `${output}/${part}`);
  const products: OnnxNode[] = [];
  const made = new Map<TokenPart['name'], string>();
  for (const { name, tensor: tokens, count } of parts) {
    const product = fresh(name);
    const rows = isRows ? fresh(`${name}/rows`) : tokens;
    if (isRows) products.push(makeNode('Reshape', [tokens, indices(graph, [-1, inputs])], [rows]));
    products.push({
      ...node,
      name: node.name === '' ? '' : `${node.name}/${name}`,
      inputs: [rows, ...node.inputs.slice(1)],
      outputs: [product],
    });
    const shaped = isRows ? fresh(`${name}/tokens`) : product;
    if (isRows) {
      const shape = indices(graph, [-1, count, outputChannels]);
      products.push(makeNode('Reshape', [product, shape], [shaped]));
    }
    made.set(name, shaped);
  }
  const joined = isRows ? fresh('tokens') : output;
  products.push(
    makeNode('Concat', [made.get('first_token')!, made.get('other_tokens')!], [joined], { axis: 1 }),
  );
  if (isRows) products.push(makeNode('Reshape', [joined, indices(graph, [-1, outputChannels])], [output]));
  insertNodes(graph, products, { before: node });
  graph.nodes.splice(graph.nodes.indexOf(node), 1);
}

/** A constant of whole numbers, each list once. */
function indices(graph: OnnxGraph, values: readonly number[]): string {
  const name = `cachequant/tokens/${values.join('_')}`;
  graph.initializers.set(
    name,
    weightOf(tensor('int64', [values.length], BigInt64Array.from(values, BigInt)), name),
  );
  return name;
}
