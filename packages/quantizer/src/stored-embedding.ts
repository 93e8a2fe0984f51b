import {
  CallTableBuilder,
  constantOf,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  readWeight,
  removeDeadNodes,
  topologicalSort,
  type Weight,
  weightOf,
} from '@cachequant/onnx';
import { finishUnlessAborted, tensor } from '@cachequant/tensor';
import type { WeightSink } from './packed-weight.js';
import { quantizeWeightInPieces } from './weight-quantization.js';

/** A table of vectors that a graph looks rows up in, such as the tokens of a text encoder. */
export interface Embedding {
  readonly node: OnnxNode;
  /** [rows, width] float32 */
  readonly table: Weight;
}

/** Smaller tables are not worth the two operators. */
const MIN_ELEMENTS = 4096;

/** Finds every lookup along the first axis of a constant float32 matrix. */
export function findEmbeddings(graph: OnnxGraph): Embedding[] {
  return graph.nodes.flatMap((node) => {
    if (node.opType !== 'Gather' || node.domain !== '') return [];
    const axis = node.attributes.get('axis');
    const first = axis === undefined || (axis.type === 'int' && axis.value === 0n);
    const table = first ? constantOf(graph, node.inputs[0]!) : undefined;
    const [rows = 0, width = 0] = table?.dims ?? [];
    const fits = table?.dtype === 'float32' && table.dims.length === 2 && rows * width >= MIN_ELEMENTS;
    return fits ? [{ node, table }] : [];
  });
}

/**
 * Stores the tables of embeddings as 8-bit integers with one scale a row: rows are looked up as integers and
 * become float behind that, so nothing is unfolded when the model is loaded. Changes the model.
 * @throws CacheQuantError `aborted`
 */
export async function storeEmbeddings(
  model: OnnxModel,
  sink: WeightSink,
  signal?: AbortSignal,
): Promise<void> {
  const { graph } = model;
  const builder = new CallTableBuilder(model);
  for (const { node, table } of findEmbeddings(graph)) {
    const [rows, width] = table.dims as [number, number];
    const values = (await readWeight(table)).data as Float32Array;
    const { integers, scales } = await finishUnlessAborted(quantizeWeightInPieces(values, rows, 8), signal);
    const name = builder.name(`${table.name}/int8`);
    const weight = weightOf(tensor('int8', [rows, width], integers), name);
    graph.initializers.set(name, { ...weight, data: await sink(weight) });
    const rowScales = builder.constant(`${table.name}/scales`, 'float32', [rows, 1], scales);
    const [output] = node.outputs as [string];
    const indices = node.inputs[1]!;
    graph.nodes.splice(graph.nodes.indexOf(node), 1);
    const found = builder.node('Gather', [name, indices], builder.name(`${output}/int8`), { axis: 0 });
    const asFloat = builder.node('Cast', [found], builder.name(`${output}/cast`), { to: 1 });
    const scale = builder.node('Gather', [rowScales, indices], builder.name(`${output}/scale`), { axis: 0 });
    builder.node('Mul', [asFloat, scale], output);
  }
  topologicalSort(graph);
  removeDeadNodes(graph);
}
