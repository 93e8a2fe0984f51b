import { CacheQuantError } from '@cachequant/tensor';
import { GraphIndex } from '../analyze/graph-index.js';
import { topologicalSort } from '../analyze/topological-sort.js';
import { CallTableBuilder } from '../edit/call-tables.js';
import { cloneModel } from '../edit/clone-model.js';
import { removeDeadNodes } from '../edit/dead-nodes.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import { getInt } from '../node.js';
import type { TensorFacts } from '../shapes/facts.js';

/** Self-attention over the positions of a picture. */
export interface SpatialAttention {
  /** Name of the fused operator's output. */
  readonly id: string;
  /** [B, height · width, C], from which queries, keys and values are computed. */
  readonly tokens: string;
  readonly height: number;
  readonly width: number;
}

type Shapes = ReadonlyMap<string, TensorFacts>;

/**
 * Finds self-attentions over the positions of a picture, after `fuseAttention`: queries, keys and values are products of
 * one tensor [B, n, C], whose n tokens are the height · width positions of a tensor with both.
 * @param shapes of `inferShapes` with fixed lengths
 */
export function findSpatialAttentions({ graph }: OnnxModel, shapes: Shapes): SpatialAttention[] {
  const index = new GraphIndex(graph);
  return graph.nodes.filter(isPlainAttention).flatMap((node) => {
    const sources = node.inputs.slice(0, 3).map((name) => findProjection(index, shapes, name!)?.tokens);
    const [tokens] = sources;
    const count = tokens === undefined ? undefined : shapes.get(tokens)?.dims?.[1];
    if (sources.some((source) => source !== tokens) || typeof count !== 'number') return [];
    const size = pictureSize(index, shapes, tokens!, count);
    return size ? [{ id: node.outputs[0]!, tokens: tokens!, ...size }] : [];
  });
}

/**
 * Self-attentions with keys and values of every second position in each direction alone, a quarter of them; queries
 * stay. An attention then takes a quarter of the products, and its keys and values of the projections. The given model
 * is not changed.
 *
 * Source: Smith et al., ToDo: Token Downsampling, 2024, https://arxiv.org/abs/2402.13573: keys and values by nearest
 * neighbour, at the layers of most tokens. Differs: which layers is the caller's choice.
 * @param ids of `findSpatialAttentions`
 * @throws CacheQuantError `invalid-argument` for an id that is none of these
 */
export function subsampleKeys(model: OnnxModel, shapes: Shapes, ids: readonly string[]): OnnxModel {
  const found = new Map(findSpatialAttentions(model, shapes).map((each) => [each.id, each]));
  const result = cloneModel(model);
  if (ids.length === 0) return result;
  const builder = new CallTableBuilder(result);
  for (const id of ids) {
    const attention = found.get(id);
    if (attention === undefined) throw noSuchAttention(id, [...found.keys()]);
    subsample(builder, shapes, attention);
  }
  removeDeadNodes(result.graph);
  topologicalSort(result.graph);
  return result;
}

function subsample(
  builder: CallTableBuilder,
  shapes: Shapes,
  { id, tokens, height, width }: SpatialAttention,
): void {
  const { graph } = builder.model;
  const index = new GraphIndex(graph);
  const attention = graph.nodes.find((node) => node.outputs[0] === id)!;
  const integers = (base: string, ...values: number[]) =>
    builder.constant(`${id}/${base}`, 'int64', [values.length], BigInt64Array.from(values, BigInt));
  const named = (part: string) => builder.name(`${id}/${part}`);
  const count = Math.ceil(height / 2) * Math.ceil(width / 2);
  const picture = builder.node(
    'Reshape',
    [tokens, integers('picture', 0, height, width, -1)],
    named('positions'),
  );
  const range = [integers('starts', 0, 0), integers('ends', height, width), integers('axes', 1, 2)];
  const kept = builder.node('Slice', [picture, ...range, integers('steps', 2, 2)], named('every_second'));
  const fewer = builder.node('Reshape', [kept, integers('tokens', 0, count, -1)], named('key_tokens'));
  for (const at of [1, 2]) {
    const { product, rows, split } = findProjection(index, shapes, attention.inputs[at]!)!;
    if (rows === undefined || split === undefined) {
      product.inputs[0] = fewer;
      continue;
    }
    product.inputs[0] = builder.node('Reshape', [fewer, integers('rows', -1, rows)], named('key_rows'));
    const width = Number(shapes.get(split.outputs[0]!)!.dims![2]);
    split.inputs[1] = integers('split', -1, count, width);
  }
}

/** How keys, or values, are made of tokens [B, n, C]. */
interface Projection {
  readonly tokens: string;
  readonly product: OnnxNode;
  /** C, where the product is one of all tokens of the batch as rows: a Reshape to [B · n, C] comes before it, … */
  readonly rows?: number;
  /** … and one to [B, n, C'] behind it. */
  readonly split?: OnnxNode;
}

/** The product with a weight that alone makes a tensor: MatMul, perhaps with a bias added, or Gemm between Reshapes. */
function findProjection(index: GraphIndex, shapes: Shapes, name: string): Projection | undefined {
  const { initializers } = index.graph;
  const node = index.producer(name);
  if (node === undefined || node.domain !== '' || index.onlyConsumer(name) === undefined) return undefined;
  switch (node.opType) {
    case 'MatMul':
      return initializers.has(node.inputs[1]!) ? { tokens: node.inputs[0]!, product: node } : undefined;
    case 'Add': {
      const products = node.inputs.filter((input) => !initializers.has(input!));
      return products.length === 1 ? findProjection(index, shapes, products[0]!) : undefined;
    }
    case 'Reshape':
      return rowProjection(index, shapes, node);
    default:
      return undefined;
  }
}

function rowProjection(index: GraphIndex, shapes: Shapes, split: OnnxNode): Projection | undefined {
  const product = index.producer(split.inputs[0]!);
  const isRows = product?.opType === 'Gemm' && getInt(product, 'transA', 0) === 0;
  if (!isRows || index.onlyConsumer(split.inputs[0]!) === undefined) return undefined;
  const flat = index.producer(product.inputs[0]!);
  if (flat?.opType !== 'Reshape') return undefined;
  const [tokens, rows, after] = [flat.inputs[0]!, flat.outputs[0]!, split.outputs[0]!].map(
    (name) => shapes.get(name)?.dims,
  );
  const isSame =
    tokens?.length === 3 && after?.length === 3 && tokens[1] === after[1] && tokens[0] === after[0];
  if (!isSame || rows?.length !== 2 || rows[1] !== tokens[2] || typeof rows[1] !== 'number') return undefined;
  return { tokens: flat.inputs[0]!, product, rows: rows[1], split };
}

/** The sizes of the picture that tokens were made of: of the nearest tensor before them with both. */
function pictureSize(
  index: GraphIndex,
  shapes: Shapes,
  tokens: string,
  count: number,
): { height: number; width: number } | undefined {
  const queue = [tokens];
  const seen = new Set(queue);
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const dims = shapes.get(name)?.dims;
    if (dims?.length === 4) {
      const [, second, third, fourth] = dims.map(Number) as [number, number, number, number];
      if (third * fourth === count) return { height: third, width: fourth };
      if (second * third === count) return { height: second, width: third };
    }
    for (const input of index.producer(name)?.inputs ?? []) {
      if (input === '' || seen.has(input!) || seen.size > FARTHEST) continue;
      seen.add(input!);
      queue.push(input!);
    }
  }
  return undefined;
}

/** Tensors to look at before a place counts as unknown. */
const FARTHEST = 200;

function isPlainAttention(node: OnnxNode): boolean {
  const given = node.inputs.filter((name) => name !== '');
  return node.opType === 'MultiHeadAttention' && node.domain === 'com.microsoft' && given.length === 3;
}

function noSuchAttention(id: string, known: readonly string[]): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the graph has no such self-attention over positions', {
    where: id,
    expected: known.length > 0 ? `one of ${known.join(', ')}` : 'a fused self-attention',
  });
}
