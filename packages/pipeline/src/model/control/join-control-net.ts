import {
  cloneModel,
  joinModels,
  makeNode,
  type OnnxGraph,
  type OnnxModel,
  type ValueInfo,
  weightOf,
} from '@cachequant/onnx';
import { CacheQuantError, tensor } from '@cachequant/tensor';
import { CONTROL_EMBEDDING, CONTROL_SCALES } from '../../denoise/control-inputs.js';
import { SAMPLE_NAMES, TIMESTEP_NAMES } from '../../denoise/denoiser-inputs.js';

/** Names that exporters give to the inputs of a denoiser that a ControlNet feeds. */
const RESIDUAL = /^(down_block|mid_block)/;

const PREFIX = 'controlnet.';

/** Whether a denoiser's graph takes what a ControlNet gives. */
export function takesResiduals({ graph }: OnnxModel): boolean {
  return graph.inputs.some(({ name }) => RESIDUAL.test(name));
}

/**
 * One denoiser of a U-Net and its ControlNet: what depends on both is computed, cut and rounded as one graph, and a call
 * that takes deep features from the cache computes of the ControlNet only what shallow skip connections take.
 * @param control without the layers of the control image (see `splitControlNet`)
 * @throws CacheQuantError `unsupported` for graphs that do not fit each other
 */
export function joinControlNet(control: OnnxModel, denoiser: OnnxModel, where: string): OnnxModel {
  const first = cloneModel(control);
  const outputs = inOrder(first.graph.outputs);
  const inputs = inOrder(denoiser.graph.inputs.filter(({ name }) => RESIDUAL.test(name)));
  requirePairs(outputs, inputs, where);
  const scaled = scaleOutputs(first.graph, outputs);
  const feeds = new Map(inputs.map(({ name }, i) => [name, scaled[i]!]));
  return joinModels(first, denoiser, {
    prefix: PREFIX,
    feeds,
    shared: sharedInputs(first.graph, denoiser.graph, where),
  });
}

/** By the number in their names, the middle last; as the graph has them where names have none. */
function inOrder(values: readonly ValueInfo[]): ValueInfo[] {
  const keyed = values.map((value) => ({ value, key: orderOf(value.name) }));
  const isNumbered = keyed.every(({ key }) => key !== undefined);
  return (isNumbered ? keyed.toSorted((a, b) => a.key! - b.key!) : keyed).map(({ value }) => value);
}

function orderOf(name: string): number | undefined {
  if (/mid/.test(name)) return Number.POSITIVE_INFINITY;
  const [number] = /\d+/.exec(name) ?? [];
  return /down/.test(name) && number !== undefined ? Number(number) : undefined;
}

function requirePairs(outputs: readonly ValueInfo[], inputs: readonly ValueInfo[], where: string): void {
  const channels = ({ dims }: ValueInfo) => (typeof dims?.[1] === 'number' ? dims[1] : undefined);
  const differs = inputs.findIndex((input, i) => {
    const [wanted, given] = [channels(input), outputs[i] && channels(outputs[i])];
    return wanted !== undefined && given !== undefined && wanted !== given;
  });
  if (outputs.length === inputs.length && differs < 0) return;
  const shown = (values: readonly ValueInfo[]) =>
    differs < 0 || outputs.length !== inputs.length
      ? `${values.length} residuals`
      : `${values[differs]!.name} of ${channels(values[differs]!)} channels`;
  throw new CacheQuantError('unsupported', 'the ControlNet is not one for this model', {
    where,
    expected: shown(inputs),
    got: shown(outputs),
    hint: 'A ControlNet goes with the version of Stable Diffusion that it was trained on',
  });
}

/** Multiplies each output with its column of the scales. @returns the names of the products */
function scaleOutputs(graph: OnnxGraph, outputs: readonly ValueInfo[]): string[] {
  const constant = (name: string, value: Parameters<typeof weightOf>[0]) => {
    graph.initializers.set(name, weightOf(value, name));
    return name;
  };
  const column = constant('scale_shape', tensor('int64', [4], BigInt64Array.of(-1n, 1n, 1n, 1n)));
  const scaled = outputs.map(({ name }, i) => {
    const index = constant(`scale_index_${i}`, tensor('int64', [], BigInt64Array.of(BigInt(i))));
    const [taken, factor, product] = [`scale_${i}`, `scale_factor_${i}`, `scaled_${i}`] as const;
    graph.nodes.push(
      makeNode('Gather', [CONTROL_SCALES, index], [taken], { axis: 1 }, { name: taken }),
      makeNode('Reshape', [taken, column], [factor], {}, { name: factor }),
      makeNode('Mul', [name, factor], [product], {}, { name: product }),
    );
    return product;
  });
  graph.outputs = outputs.map((output, i) => ({ ...output, name: scaled[i]! }));
  graph.inputs.push({
    name: CONTROL_SCALES,
    dtype: 'float32',
    elementType: 1,
    dims: ['batch_size', outputs.length],
  });
  return scaled;
}

/** The inputs of a ControlNet that take what the denoiser is given, by name, by kind, or as the only ones left. */
function sharedInputs(control: OnnxGraph, denoiser: OnnxGraph, where: string): Map<string, string> {
  const own = new Set([CONTROL_EMBEDDING, CONTROL_SCALES]);
  const isInput = ({ name }: ValueInfo, graph: OnnxGraph) => !graph.initializers.has(name);
  const wanted = control.inputs.filter((info) => isInput(info, control) && !own.has(info.name));
  const free = denoiser.inputs.filter((info) => isInput(info, denoiser) && !RESIDUAL.test(info.name));
  const shared = new Map<string, string>();
  const left: ValueInfo[] = [];
  for (const input of wanted) {
    const kind = [SAMPLE_NAMES, TIMESTEP_NAMES].find((names) => names.includes(input.name));
    const match = free.find(({ name }) => (kind ? kind.includes(name) : name === input.name));
    if (match === undefined) {
      left.push(input);
      continue;
    }
    adapt(control, input, match, where);
    shared.set(input.name, match.name);
  }
  const rest = free.filter(({ name }) => ![...shared.values()].includes(name));
  if (left.length === 0) return shared;
  const isOnly = left.length === 1 && rest.length === 1 && left[0]!.dims?.length === rest[0]!.dims?.length;
  if (isOnly) return shared.set(left[0]!.name, rest[0]!.name);
  throw new CacheQuantError('unsupported', 'the ControlNet takes what the denoiser is not given', {
    where,
    expected: free.map(({ name }) => name).join(', '),
    got: left.map(({ name }) => name).join(', '),
  });
}

/** Exporters write timesteps as scalars and as vectors, in floats and in integers. */
function adapt(control: OnnxGraph, input: ValueInfo, given: ValueInfo, where: string): void {
  const channels = [input, given].map(({ dims }) => dims?.[1]);
  if (channels.every((count) => typeof count === 'number') && channels[0] !== channels[1]) {
    throw new CacheQuantError('unsupported', 'the ControlNet is not one for this model', {
      where,
      expected: `${input.name} of ${channels[1]} channels`,
      got: `${channels[0]}`,
    });
  }
  const steps: [opType: string, attributes: Record<string, number>, further: string[]][] = [];
  const [rank, givenRank] = [input.dims?.length, given.dims?.length];
  const index = `${input.name}_first`;
  if (rank === 0 && givenRank === 1) steps.push(['Gather', { axis: 0 }, [index]]);
  if (rank === 1 && givenRank === 0) steps.push(['Reshape', {}, [index]]);
  if (steps.length > 0) {
    const dims = rank === 0 ? [] : [1];
    const value = BigInt64Array.of(rank === 0 ? 0n : -1n);
    control.initializers.set(index, weightOf(tensor('int64', dims, value), index));
  }
  if (input.elementType !== given.elementType) steps.push(['Cast', { to: input.elementType }, []]);
  let name = input.name;
  const readers = [...control.nodes];
  const made = steps.map(([opType, attributes, further], i) => {
    const output = `${input.name}_adapted_${i}`;
    const node = makeNode(opType, [name, ...further], [output], attributes, { name: output });
    name = output;
    return node;
  });
  if (made.length === 0) return;
  for (const node of readers) node.inputs = node.inputs.map((each) => (each === input.name ? name : each));
  control.nodes.unshift(...made);
}
