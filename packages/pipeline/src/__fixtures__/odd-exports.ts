import {
  insertNodes,
  makeNode,
  type OnnxModel,
  readModel,
  replaceUses,
  weightOf,
  writeModel,
} from '@cachequant/onnx';
import { type DType, type Storage, tensor } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { modelStorage } from './models.js';

/** models/tiny/ddpm-unet as other exporters might write it; by the name of the file. */
export type OddExport = keyof typeof EXPORTS;

/** A folder with one graph, `graph.onnx`. */
export async function oddExport(kind: OddExport): Promise<Storage> {
  const model = await readModel(modelStorage('tiny/ddpm-unet'), 'model.onnx');
  EXPORTS[kind](model);
  const storage = memoryStorage();
  await writeModel(storage, 'graph.onnx', model);
  return storage;
}

const ELEMENT_TYPES = { float32: 1, int32: 6, int64: 7, float64: 11 } as const;
type TimeType = keyof typeof ELEMENT_TYPES;

const EXPORTS = {
  'names and order': (model: OnnxModel) => {
    rename(model, 'sample', 'noisy_pic');
    rename(model, 'timestep', 'tt');
    model.graph.inputs.reverse();
    model.graph.inputs = model.graph.inputs.map((input) =>
      input.name === 'noisy_pic' ? { ...input, dims: ['odd batch', 3, 'höhe/2', 'w w'] } : input,
    );
    renameOutput(model, 'denoised');
  },
  'time int32 [B]': (model: OnnxModel) => retime(model, 'int32', ['B']),
  'time float32 [1]': (model: OnnxModel) => retime(model, 'float32', [1]),
  'time float32 [B, 1]': (model: OnnxModel) => retime(model, 'float32', ['B', 1]),
  'time float64 []': (model: OnnxModel) => retime(model, 'float64', []),
  'channels last': (model: OnnxModel) => {
    const { graph } = model;
    graph.inputs = graph.inputs.map((input) =>
      input.name === 'sample' ? { ...input, dims: ['B', 'H', 'W', 3] } : input,
    );
    replaceUses(graph, 'sample', 'first');
    insertNodes(graph, [makeNode('Transpose', ['sample'], ['first'], { perm: [0, 3, 1, 2] })], {
      before: graph.nodes[0],
    });
  },
  'another output before': (model: OnnxModel) => {
    const { graph } = model;
    const [output] = graph.outputs;
    graph.nodes.push(makeNode('Shape', [output!.name], ['size'], {}, { name: 'size' }));
    graph.outputs.unshift({ name: 'size', dtype: 'int64', elementType: ELEMENT_TYPES.int64, dims: [4] });
  },
  'two outputs alike': (model: OnnxModel) => {
    const { graph } = model;
    renameOutput(model, 'first');
    const [output] = graph.outputs;
    graph.nodes.push(makeNode('Neg', ['first'], ['second'], {}, { name: 'second' }));
    graph.outputs.push({ ...output!, name: 'second' });
  },
  /** Ten classes and one for none, `y`; what is added of them grows with `strength`. */
  classes: (model: OnnxModel) => {
    const { graph } = model;
    const table = tensor('float32', [11, 3]);
    for (let i = 0; i < 30; i++) table.data[i] = Math.sin(i * i);
    graph.initializers.set('table', weightOf(table, 'table'));
    graph.initializers.set('four', weightOf(tensor('int64', [4], BigInt64Array.of(-1n, 3n, 1n, 1n)), 'four'));
    replaceUses(graph, 'sample', 'shifted');
    insertNodes(
      graph,
      [
        makeNode('Gather', ['table', 'y'], ['entry'], { axis: 0 }, { name: 'entry' }),
        makeNode('Reshape', ['entry', 'four'], ['places'], {}, { name: 'places' }),
        makeNode('Mul', ['places', 'strength'], ['shift'], {}, { name: 'shift' }),
        makeNode('Add', ['sample', 'shift'], ['shifted'], {}, { name: 'shifted' }),
      ],
      { before: graph.nodes[0] },
    );
    graph.inputs.push(
      { name: 'y', dtype: 'int64', elementType: ELEMENT_TYPES.int64, dims: ['batch'] },
      { name: 'strength', dtype: 'float32', elementType: ELEMENT_TYPES.float32, dims: [] },
    );
  },
} as const satisfies Record<string, (model: OnnxModel) => void>;

function rename({ graph }: OnnxModel, from: string, to: string): void {
  replaceUses(graph, from, to);
  graph.inputs = graph.inputs.map((input) => (input.name === from ? { ...input, name: to } : input));
}

function renameOutput({ graph }: OnnxModel, name: string): void {
  const [output] = graph.outputs;
  graph.nodes.push(makeNode('Identity', [output!.name], [name], {}, { name }));
  graph.outputs = [{ ...output!, name }];
}

/** Gives the time another element type and shape; the network goes on to take its first number. */
function retime(model: OnnxModel, dtype: TimeType & DType, dims: readonly (number | string)[]): void {
  const { graph } = model;
  graph.initializers.set('flat', weightOf(tensor('int64', [1], BigInt64Array.of(-1n)), 'flat'));
  graph.initializers.set('zero', weightOf(tensor('int64', [], BigInt64Array.of(0n)), 'zero'));
  replaceUses(graph, 'timestep', 'inner');
  insertNodes(
    graph,
    [
      makeNode('Reshape', ['tt', 'flat'], ['row'], {}, { name: 'row' }),
      makeNode('Gather', ['row', 'zero'], ['number'], { axis: 0 }, { name: 'number' }),
      makeNode('Cast', ['number'], ['inner'], { to: ELEMENT_TYPES.int64 }, { name: 'inner' }),
    ],
    { before: graph.nodes[0] },
  );
  graph.inputs = graph.inputs.map((input) =>
    input.name === 'timestep'
      ? { ...input, name: 'tt', dtype, elementType: ELEMENT_TYPES[dtype], dims: [...dims] }
      : input,
  );
}
