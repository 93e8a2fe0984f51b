import {
  createWeightFile,
  freezeShapes,
  fuseAttention,
  inferShapes,
  type OnnxModel,
  readModel,
  unfuseAttention,
  widenWeights,
  writeModel,
} from '@cachequant/onnx';
import type { ModelFolder } from '@cachequant/pipeline';
import {
  ActivationStatistics,
  activationSites,
  addObservers,
  detachBiases,
  excludeReason,
  findLayers,
  OBSERVATIONS_OUTPUT,
  type PackedWeight,
  type PackOptions,
  packWeight,
  storeEmbeddings,
  toFloatGraph,
  toIntegerGraph,
} from '@cachequant/quantizer';
import { MersenneTwister, type Tensor, tensor, throwIfAborted } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { targetOf, wideBitsOf } from '../format.js';
import { observe } from '../observe/observe.js';
import { type ComponentName, componentFolder, FLOAT_GRAPH } from './component.js';

const CALL_INDEX = 'call_index';
const SAMPLES = 2048;
/** Weights up to this many bytes stay inside the graph's file. */
const INLINE_BYTES = 1024;

/** A graph with one input and one output that matters. */
export interface ComponentSource {
  readonly name: ComponentName;
  readonly folder: ModelFolder;
  readonly path: string;
}

/** Writes a part whose weights are 8-bit integers that become float when it is loaded. Sizes stay open. */
export async function storeComponent(
  context: CalibrationContext,
  { name, folder, path }: ComponentSource,
): Promise<string> {
  const model = widenWeights(await readModel(folder.storage, path));
  return writeComponent(context, componentFolder(name, 'stored as integers'), async (add) => {
    const store = new Map<string, PackedWeight>();
    for (const layer of findLayers(model.graph)) {
      throwIfAborted(context.signal);
      store.set(
        layer.id,
        await packWeight(layer, { bits: 8, purpose: 'storage', sink: add, signal: context.signal }),
      );
    }
    const stored = toIntegerGraph(model, { ...NOTHING, store });
    await storeEmbeddings(stored, add, context.signal);
    return { 'model.onnx': stored };
  });
}

const NOTHING = {
  compute: new Map(),
  corrections: new Map(),
  shapes: new Map(),
  grids: { calls: 1, sites: [], scales: new Float32Array(0), zeroPoints: new Uint8Array(0) },
};

/**
 * Writes a part that computes in integers, with one grid for each activation, at one size.
 * @param inputs what calibration runs, each [1, …]
 * @returns undefined when no layer of it can
 */
export async function integerComponent(
  context: CalibrationContext,
  { name, folder, path }: ComponentSource,
  inputs: readonly Tensor<'float32'>[],
): Promise<string | undefined> {
  const source = widenWeights(await readModel(folder.storage, path));
  const input = source.graph.inputs[0]!.name;
  const dims = { [input]: [...inputs[0]!.dims] };
  const plain = freezeShapes(source, {
    [input]: dims[input]!.map((size, axis) => (axis === 0 ? null : size)),
  });
  const target = targetOf(context.recipe.target);
  const attending = fuseAttention(plain, inferShapes(plain, { inputDims: dims }));
  const fused = target.standardOperators ? unfuseAttention(attending) : attending;
  const fusedShapes = inferShapes(fused, { inputDims: dims });
  const model = detachBiases(
    fused,
    fusedShapes,
    (layer) => excludeReason(fused.graph, fusedShapes, layer) === undefined,
  );
  const shapes = inferShapes(model, { inputDims: dims });
  const layers = findLayers(model.graph);
  const computed = layers.filter((layer) => excludeReason(model.graph, shapes, layer) === undefined);
  if (computed.length === 0) return undefined;
  const grids = await observeGrids(context, model, activationSites(computed, target), shapes, inputs);
  const bits = wideBitsOf(context.recipe.target);
  return writeComponent(context, componentFolder(name, 'integers'), async (add) => {
    const compute = new Map<string, PackedWeight>();
    const store = new Map<string, PackedWeight>();
    for (const layer of layers) {
      throwIfAborted(context.signal);
      const integer = computed.includes(layer);
      const purpose = integer ? 'compute' : 'storage';
      const packed = await packWeight(layer, {
        bits: integer ? bits : 8,
        purpose,
        sink: add,
        signal: context.signal,
      });
      (integer ? compute : store).set(layer.id, packed);
    }
    const made = toIntegerGraph(model, { compute, store, grids, corrections: new Map(), shapes }, target);
    return {
      'model.onnx': withoutCalls(made),
      [FLOAT_GRAPH]: unfuseAttention(toFloatGraph(model, { compute, store })),
    };
  });
}

async function observeGrids(
  context: CalibrationContext,
  model: OnnxModel,
  sites: readonly string[],
  shapes: ReturnType<typeof inferShapes>,
  inputs: readonly Tensor<'float32'>[],
) {
  const generator = new MersenneTwister(1);
  const observed = addObservers(model, sites, {
    samplesPerCall: Math.ceil(SAMPLES / inputs.length),
    random: () => generator.nextUint32() / 2 ** 32,
    shapes,
  });
  const path = 'components/observed/model.onnx';
  await writeComponent(context, 'components/observed', async () => ({ 'model.onnx': observed }));
  const statistics = new ActivationStatistics(1, sites, SAMPLES);
  try {
    return await observe(context, path, inputs, {
      outputs: [OBSERVATIONS_OUTPUT],
      feeds: (session, input) => ({ [session.inputs[0]!.name]: input }),
      record: (results) => statistics.record(0, results[OBSERVATIONS_OUTPUT]!.data),
      result: () => statistics.grids(),
    });
  } finally {
    await context.work.remove('components/observed');
  }
}

/** A part runs once an image: the only row of its tables is a constant, which the runtime folds. */
function withoutCalls(model: OnnxModel): OnnxModel {
  const { graph } = model;
  graph.inputs = graph.inputs.filter(({ name }) => name !== CALL_INDEX);
  const zero = tensor('int64', [], BigInt64Array.of(0n));
  graph.initializers.set(CALL_INDEX, {
    name: CALL_INDEX,
    dtype: 'int64',
    elementType: 7,
    dims: [],
    data: { kind: 'bytes', bytes: new Uint8Array(zero.data.buffer) },
  });
  return model;
}

/** Writes graphs, by their names, with the weights of all of them beside. */
async function writeComponent(
  context: CalibrationContext,
  folder: string,
  build: (add: PackOptions['sink']) => Promise<Readonly<Record<string, OnnxModel>>>,
): Promise<string> {
  const path = `${folder}/model.onnx`;
  const file = await createWeightFile(context.work, `${folder}/model.onnx_data`, {
    location: 'model.onnx_data',
  });
  try {
    const models = Object.entries(await build((weight) => file.add(weight)));
    for (const [name, model] of models) {
      await writeModel(context.work, `${folder}/${name}`, model, {
        weightFile: file,
        externalAbove: INLINE_BYTES,
      });
    }
    await file.commit();
    return path;
  } catch (error) {
    await file.abort();
    throw error;
  }
}
