import type { CallTableBuilder } from '@cachequant/onnx';
import { GraphIndex, getInts, type OnnxNode, type TensorFacts } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { Layer } from '../../layers.js';
import { removeNode } from '../../replace-layer.js';
import type { GridRows } from '../../scales-per-call.js';

/**
 * Lays out a 1×1 convolution on [B, C, H, W] as a matrix product on tokens [B, H·W, C].
 *
 * Transformer blocks inside U-Nets go from images to tokens right after such a convolution, and back right
 * before one; there the product reads and writes the tokens themselves, and the two layout changes cancel.
 * @returns the quantized tokens to multiply, and the name the product's output must have
 */
export function wirePointwise(
  builder: CallTableBuilder,
  rows: GridRows,
  layer: Layer,
  shapes: ReadonlyMap<string, TensorFacts>,
): { input: string; output: string } {
  const { graph } = builder.model;
  const index = new GraphIndex(graph);
  const tokens = tokensBefore(index, layer, shapes);
  const after = layoutAfter(index, layer, shapes);
  const input = tokens ? rows.quantized(layer.input, tokens) : imageToTokens(builder, rows, layer);
  if (after) {
    for (const node of after) removeNode(graph, node);
    return { input, output: after[1].outputs[0]! };
  }
  return { input, output: tokensToImage(builder, layer, shapes) };
}

function imageToTokens(builder: CallTableBuilder, rows: GridRows, layer: Layer): string {
  const quantized = rows.quantized(layer.input);
  const shape = builder.constant(
    'cachequant/flat_image',
    'int64',
    [3],
    BigInt64Array.of(0n, BigInt(layer.inputs), -1n),
  );
  const flat = builder.node('Reshape', [quantized, shape], builder.name(`${quantized}/flat`));
  return builder.node('Transpose', [flat], builder.name(`${quantized}/tokens`), { perm: [0, 2, 1] });
}

/** Adds the way back to an image and returns the name of the tokens it starts from. */
function tokensToImage(
  builder: CallTableBuilder,
  layer: Layer,
  shapes: ReadonlyMap<string, TensorFacts>,
): string {
  const tokens = builder.name(`${layer.output}/tokens`);
  const [, , height, width] = shapes.get(layer.output)?.dims ?? [];
  if (typeof height !== 'number' || typeof width !== 'number') {
    throw new CacheQuantError('shape', 'height and width of a 1×1 convolution are not known', {
      where: layer.output,
      hint: 'Give the sizes of all graph inputs.',
    });
  }
  const flat = builder.node('Transpose', [tokens], builder.name(`${layer.output}/flat`), { perm: [0, 2, 1] });
  const shape = builder.constant(
    'cachequant/image',
    'int64',
    [4],
    BigInt64Array.of(0n, BigInt(layer.outputChannels), BigInt(height), BigInt(width)),
  );
  builder.node('Reshape', [flat, shape], layer.output);
  return tokens;
}

/** The tokens [B, H·W, C] that the layer's input was made of by Reshape to [B, H, W, C] and Transpose. */
function tokensBefore(
  index: GraphIndex,
  layer: Layer,
  shapes: ReadonlyMap<string, TensorFacts>,
): string | undefined {
  const transpose = index.producer(layer.input);
  if (!isTranspose(transpose, [0, 3, 1, 2])) return undefined;
  const reshape = index.producer(transpose.inputs[0]!);
  const tokens = reshape?.opType === 'Reshape' ? reshape.inputs[0]! : undefined;
  return tokens && areTokensOf(shapes.get(tokens), shapes.get(layer.input)) ? tokens : undefined;
}

/** The Transpose to [B, H, W, C] that alone reads the layer's output, and the Reshape to tokens behind it. */
function layoutAfter(
  index: GraphIndex,
  layer: Layer,
  shapes: ReadonlyMap<string, TensorFacts>,
): readonly [OnnxNode, OnnxNode] | undefined {
  const transpose = index.onlyConsumer(layer.output);
  if (!isTranspose(transpose, [0, 2, 3, 1])) return undefined;
  const reshape = index.onlyConsumer(transpose.outputs[0]!);
  if (reshape?.opType !== 'Reshape') return undefined;
  return areTokensOf(shapes.get(reshape.outputs[0]!), shapes.get(layer.output))
    ? [transpose, reshape]
    : undefined;
}

function areTokensOf(tokens: TensorFacts | undefined, image: TensorFacts | undefined): boolean {
  const [, channels, height, width] = image?.dims ?? [];
  const [, length, depth] = tokens?.dims ?? [];
  return (
    tokens?.dims?.length === 3 &&
    typeof height === 'number' &&
    typeof width === 'number' &&
    length === height * width &&
    depth === channels
  );
}

function isTranspose(node: OnnxNode | undefined, perm: readonly number[]): node is OnnxNode {
  return node?.opType === 'Transpose' && getInts(node, 'perm', []).join() === perm.join();
}
