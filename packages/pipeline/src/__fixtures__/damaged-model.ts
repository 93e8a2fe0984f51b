import { readModel, readWeight, weightOf, writeModel } from '@cachequant/onnx';
import { type Storage, tensor } from '@cachequant/tensor';
import { modelCopy } from './models.js';

/** A copy of models/fashion-sd in which the first value of one weight of a graph is another. */
export async function damagedModel(
  path: string,
  isWeight: (name: string) => boolean,
  value: number,
): Promise<Storage> {
  const storage = await modelCopy('fashion-sd');
  const model = await readModel(storage, path);
  const { initializers } = model.graph;
  const name = [...initializers.keys()].find(isWeight)!;
  const { dims, data } = await readWeight(initializers.get(name)!);
  const values = Float32Array.from(data as Float32Array);
  values[0] = value;
  initializers.set(name, weightOf(tensor('float32', dims, values), name));
  await writeModel(storage, path, model);
  return storage;
}
