import { insertNodes, makeNode, readModel, replaceUses, writeModel } from '@cachequant/onnx';
import type { Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { modelStorage } from './models.js';

/**
 * `graph.onnx`: models/tiny/ddpm-unet with inputs of other names, `noisy` and `sigma`, and two more: to the sample it
 * adds `x` [B, 3, 1, 1] times the number `gain`.
 */
export async function loneGraph(): Promise<Storage> {
  const model = await readModel(modelStorage('tiny/ddpm-unet'), 'model.onnx');
  const { graph } = model;
  for (const [from, to] of [
    ['sample', 'noisy'],
    ['timestep', 'sigma'],
  ] as const) {
    replaceUses(graph, from, to);
    graph.inputs = graph.inputs.map((input) => (input.name === from ? { ...input, name: to } : input));
  }
  const shift = makeNode('Mul', ['x', 'gain'], ['shift'], {}, { name: 'shift' });
  const shifted = makeNode('Add', ['noisy', 'shift'], ['shifted'], {}, { name: 'shifted' });
  replaceUses(graph, 'noisy', 'shifted');
  insertNodes(graph, [shift, shifted], { before: graph.nodes[0] });
  const sample = graph.inputs.find(({ name }) => name === 'noisy')!;
  graph.inputs.push(
    { ...sample, name: 'x', dims: ['batch', 3, 1, 1] },
    { ...sample, name: 'gain', dims: [] },
  );
  const storage = memoryStorage();
  await writeModel(storage, 'graph.onnx', model);
  return storage;
}

/** What `numpy.save` writes of float32 numbers. */
export function npyOf(dims: readonly number[], values: readonly number[]): Uint8Array {
  const shape = `(${dims.join(', ')}${dims.length === 1 ? ',' : ''})`;
  const dict = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${dict.padEnd(128 - 10 - 1)}\n`;
  const bytes = new Uint8Array(10 + header.length + 4 * values.length);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length, 0]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(new Uint8Array(Float32Array.from(values).buffer), 10 + header.length);
  return bytes;
}
