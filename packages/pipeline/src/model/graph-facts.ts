import {
  constantOf,
  getInts,
  inferShapes,
  type OnnxModel,
  type OnnxNode,
  readModel,
  topologicalSort,
} from '@cachequant/onnx';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { findDenoiserInputs } from '../denoise/denoiser-inputs.js';

/** What a denoiser's graph says where no configuration does. */
export interface DenoiserFacts {
  readonly inChannels: number | undefined;
  /** Elements by which the sample's height and width must be divisible. */
  readonly sizeMultiple: number;
}

/** Operators that hand a feature map on, whatever they do to its numbers. */
const PASSING = new Set([
  'Identity',
  'Cast',
  'Mul',
  'Div',
  'Add',
  'Sub',
  'Pad',
  'QuantizeLinear',
  'DequantizeLinear',
]);
const STRIDED = new Set(['Conv', 'QLinearConv', 'NhwcConv', 'AveragePool', 'MaxPool', 'LpPool']);
const GROWING = new Set(['Resize', 'Upsample', 'ConvTranspose']);

/** @throws CacheQuantError as `readModel` does, `unsupported` when no input looks like a sample */
export async function denoiserFacts(storage: Storage, path: string): Promise<DenoiserFacts> {
  const model = await readModel(storage, path);
  topologicalSort(model.graph);
  const inputs = model.graph.inputs.map(({ name, dtype, dims }) => ({
    name,
    dtype: dtype ?? 'float32',
    dims: dims ?? [],
  }));
  const { sample } = findDenoiserInputs(inputs);
  const declared = inputs.find(({ name }) => name === sample)!.dims[1];
  return {
    inChannels: typeof declared === 'number' ? declared : channelsRead(model, sample),
    sizeMultiple: largestStride(model, sample),
  };
}

/** Channels of the first convolution's weight [O, I / groups, …]. */
function channelsRead({ graph }: OnnxModel, input: string): number | undefined {
  const carried = new Set([input]);
  for (const node of graph.nodes) {
    if (!carried.has(node.inputs[0] ?? '')) continue;
    if (node.opType === 'Conv') {
      const inner = constantOf(graph, node.inputs[1] ?? '')?.dims[1];
      return inner === undefined ? undefined : inner * Number(getGroups(node));
    }
    if (PASSING.has(node.opType)) carried.add(node.outputs[0]!);
  }
  return undefined;
}

function getGroups(node: OnnxNode): bigint {
  const group = node.attributes.get('group');
  return group?.type === 'int' ? group.value : 1n;
}

/** How many elements of the sample the smallest feature map has for each of its own, in one direction. */
function largestStride({ graph }: OnnxModel, sample: string): number {
  const strides = new Map([[sample, 1]]);
  let largest = 1;
  for (const node of graph.nodes) {
    const before = Math.max(0, ...node.inputs.map((name) => strides.get(name) ?? 0));
    if (before === 0) continue;
    const after = strideAfter(node, before);
    largest = Math.max(largest, after);
    for (const name of node.outputs) strides.set(name, after);
  }
  return largest;
}

function strideAfter(node: OnnxNode, before: number): number {
  // What a size is read from is no feature map.
  if (node.opType === 'Shape' || node.opType === 'Size') return 0;
  if (GROWING.has(node.opType)) return Math.max(1, before / 2);
  return STRIDED.has(node.opType) ? before * (getInts(node, 'strides', [1])[0] ?? 1) : before;
}

/** Latents that a decoder is looked at with. */
const PROBE = 8;

/**
 * Pixels per latent of a decoder, in each direction.
 * @throws CacheQuantError `unsupported` when the graph does not say it
 */
export async function pixelsPerLatent(storage: Storage, path: string, channels: number): Promise<number> {
  const model = await readModel(storage, path);
  const [input] = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
  const [output] = model.graph.outputs;
  const dims = (input?.dims ?? [null, null, null, null]).map((dim, axis) =>
    typeof dim === 'number' ? dim : ([1, channels, PROBE, PROBE][axis] ?? 1),
  );
  const height =
    input && output && inferShapes(model, { inputDims: { [input.name]: dims } }).get(output.name)?.dims?.[2];
  const factor = typeof height === 'number' ? height / dims[2]! : 0;
  if (Number.isInteger(factor) && factor > 0) return factor;
  throw new CacheQuantError('unsupported', 'the graph does not say how many pixels a latent becomes', {
    where: path,
    hint: "Add the config.json of the VAE beside it, with 'block_out_channels' and 'scaling_factor'",
  });
}
