import {
  extractSubgraph,
  inferShapes,
  type OnnxGraph,
  type OnnxModel,
  topologicalSort,
  weightOf,
} from '@cachequant/onnx';
import { CacheQuantError, tensor } from '@cachequant/tensor';
import { CONTROL_EMBEDDING } from '../../denoise/control-inputs.js';
import { SAMPLE_NAMES } from '../../denoise/denoiser-inputs.js';

/** A ControlNet in two graphs. */
export interface SplitControlNet {
  /** What depends on the control image alone, so that it is computed once for a picture. */
  readonly embedding: OnnxModel;
  /** The residuals of a call, from that and from what the denoiser takes. */
  readonly residuals: OnnxModel;
}

/**
 * Takes a ControlNet's graph apart where the control image meets the noisy sample. It is found by what each tensor depends
 * on, so names of layers do not matter.
 * @throws CacheQuantError `unsupported` for a graph where they meet in several places, or that has no control image
 */
export function splitControlNet(model: OnnxModel, where: string): SplitControlNet {
  topologicalSort(model.graph);
  const image = imageInput(model.graph, where);
  const shapes = inferShapes(model);
  const meeting = meetingPoints(model.graph, image).filter((name) => shapes.get(name)?.dims?.length === 4);
  const [boundary] = meeting;
  if (boundary === undefined || meeting.length > 1) throw entangled(where, meeting);
  const embedding = extractSubgraph(model, { inputs: [], outputs: [boundary], types: shapes });
  const outputs = model.graph.outputs.map(({ name }) => name);
  const residuals = extractSubgraph(model, { inputs: [boundary], outputs, types: shapes });
  if (residuals.graph.inputs.some(({ name }) => name === image)) throw entangled(where, [boundary, image]);
  const channels = shapes.get(boundary)?.dims?.[1];
  renameInput(residuals.graph, boundary, CONTROL_EMBEDDING);
  const input = residuals.graph.inputs.find(({ name }) => name === CONTROL_EMBEDDING)!;
  input.dims = ['batch_size', channels ?? 'channels', 'height', 'width'];
  unscale(residuals.graph);
  return { embedding, residuals };
}

/** The control image [B, C, H, W]: beside the sample the only such input. */
function imageInput({ inputs, initializers }: OnnxGraph, where: string): string {
  const found = inputs.filter(
    ({ name, dims }) => dims?.length === 4 && !SAMPLE_NAMES.includes(name) && !initializers.has(name),
  );
  if (found.length === 1) return found[0]!.name;
  throw new CacheQuantError('unsupported', 'the graph is no ControlNet', {
    where,
    expected: 'one input for the control image, [B, 3, H, W], beside the noisy sample',
    got: inputs.map(({ name }) => name).join(', '),
  });
}

/** What a tensor depends on. */
const IMAGE = 1;
const OTHERS = 2;

/** Tensors that depend on the image alone, and are read together with what depends on other inputs. */
function meetingPoints({ nodes, inputs, initializers }: OnnxGraph, image: string): string[] {
  const origins = new Map<string, number>();
  for (const { name } of inputs) {
    if (!initializers.has(name)) origins.set(name, name === image ? IMAGE : OTHERS);
  }
  const found = new Set<string>();
  for (const node of nodes) {
    const origin = node.inputs.reduce((all, name) => all | (origins.get(name) ?? 0), 0);
    for (const name of node.outputs) origins.set(name, origin);
    if ((origin & OTHERS) === 0) continue;
    for (const name of node.inputs) if (origins.get(name) === IMAGE) found.add(name);
  }
  return [...found];
}

/** A scale that the export takes is one; the denoiser has its own for each residual. */
function unscale(graph: OnnxGraph): void {
  for (const { name } of graph.inputs.filter(({ name }) => /scale/i.test(name))) {
    graph.inputs = graph.inputs.filter((input) => input.name !== name);
    graph.initializers.set(name, weightOf(tensor('float32', [], Float32Array.of(1)), name));
  }
}

function renameInput(graph: OnnxGraph, from: string, to: string): void {
  for (const node of graph.nodes) node.inputs = node.inputs.map((name) => (name === from ? to : name));
  for (const input of graph.inputs) if (input.name === from) input.name = to;
}

function entangled(where: string, meeting: readonly string[]): CacheQuantError {
  return new CacheQuantError('unsupported', 'the control image does not enter the ControlNet in one place', {
    where,
    expected: 'one feature map that is made of it alone, and added to that of the noisy sample',
    got: meeting.join(', ') || 'none',
  });
}
