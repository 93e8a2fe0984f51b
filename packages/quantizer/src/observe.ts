import {
  cloneModel,
  freshName,
  makeNode,
  type OnnxModel,
  type TensorFacts,
  weightOf,
} from '@cachequant/onnx';
import { CacheQuantError, elementCount, tensor } from '@cachequant/tensor';

/** The output that observers add to a graph. */
export const OBSERVATIONS_OUTPUT = 'cachequant_observations';

/** How many elements of each activation are sampled in a call, and from which random numbers. */
export interface ObserverOptions {
  /** Elements of each tensor that are sampled in one call. */
  readonly samplesPerCall: number;
  /** Uniform numbers in [0, 1); the same sequence gives the same sampled positions. */
  readonly random: () => number;
  /** Static shapes for the batch that calibration will run. */
  readonly shapes: ReadonlyMap<string, TensorFacts>;
}

/**
 * Adds an output to a graph that carries, for each site, its exact minimum and maximum and a fixed random
 * sample of its elements, so that whole activations never leave the runtime.
 *
 * Layout of the output: [sites · (2 + samplesPerCall)] float32, per site: minimum, maximum, sample.
 * @param sites names of float tensors of the graph
 * @throws CacheQuantError `calibration` when there is nothing to observe or a shape is not static
 */
export function addObservers(
  model: OnnxModel,
  sites: readonly string[],
  options: ObserverOptions,
): OnnxModel {
  if (sites.length === 0) {
    throw new CacheQuantError('calibration', 'there is no tensor to observe', { where: 'addObservers' });
  }
  const observed = cloneModel(model);
  const { graph } = observed;
  const parts: string[] = [];
  const flatShape = addConstant(observed, 'observe_flat', tensor('int64', [1], BigInt64Array.of(-1n)));
  for (const site of sites) {
    const count = staticCount(site, options.shapes);
    const positions = BigInt64Array.from({ length: options.samplesPerCall }, () =>
      BigInt(Math.floor(options.random() * count)),
    );
    const flat = freshName(graph, `${site}/flat`);
    const low = freshName(graph, `${site}/min`);
    const high = freshName(graph, `${site}/max`);
    const sample = freshName(graph, `${site}/sample`);
    const indices = addConstant(
      observed,
      `${site}/positions`,
      tensor('int64', [positions.length], positions),
    );
    graph.nodes.push(
      makeNode('Reshape', [site, flatShape], [flat]),
      makeNode('ReduceMin', [flat], [low], { keepdims: 1 }),
      makeNode('ReduceMax', [flat], [high], { keepdims: 1 }),
      makeNode('Gather', [flat, indices], [sample], { axis: 0 }),
    );
    parts.push(low, high, sample);
  }
  graph.nodes.push(makeNode('Concat', parts, [OBSERVATIONS_OUTPUT], { axis: 0 }));
  graph.outputs.push({
    name: OBSERVATIONS_OUTPUT,
    dtype: 'float32',
    elementType: 1,
    dims: [sites.length * (2 + options.samplesPerCall)],
  });
  return observed;
}

function addConstant(model: OnnxModel, base: string, value: Parameters<typeof weightOf>[0]): string {
  const name = freshName(model.graph, base);
  model.graph.initializers.set(name, weightOf(value, name));
  return name;
}

function staticCount(site: string, shapes: ReadonlyMap<string, TensorFacts>): number {
  const dims = shapes.get(site)?.dims;
  if (!dims?.every((dim): dim is number => typeof dim === 'number')) {
    throw new CacheQuantError('calibration', 'the shape of a tensor to observe is not known', {
      where: site,
      got: dims ? `[${dims}]` : 'nothing',
      hint: 'Give the sizes of all graph inputs.',
    });
  }
  return elementCount(dims);
}
