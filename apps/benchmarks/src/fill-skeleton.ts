import { GraphIndex, openSource, readModelFrom } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, throwIfAborted, toBytes, writeFile } from '@cachequant/tensor';
import { fanInOf, SeededWeights } from './seeded-weights.js';

/**
 * Gives a graph without weights some, one tensor in memory at a time; where that was done before, nothing happens.
 * @param skeleton folder with `model.onnx`
 * @param part folder of the storage that takes the graph and its `weights.bin`
 */
export async function fillSkeleton(
  skeleton: string,
  storage: Storage,
  part: string,
  signal: AbortSignal,
  onProgress: (bytes: number, total: number) => void = () => {},
): Promise<void> {
  const source = nodeStorage(skeleton);
  const { graph } = await readModelFrom(await openSource(source, 'model.onnx'), { signal });
  const missing = [...graph.initializers.values()].flatMap((weight) =>
    weight.data.kind === 'external' ? [{ weight, data: weight.data }] : [],
  );
  const total = missing.reduce((most, { data }) => Math.max(most, data.offset + data.length), 0);
  const path = `${part}/weights.bin`;
  if ((await storage.stat(path))?.size === total) return;
  await writeFile(storage, `${part}/model.onnx`, await source.read('model.onnx'));
  const index = new GraphIndex(graph);
  const weights = new SeededWeights(0);
  const writer = await storage.create(path);
  let written = 0;
  try {
    for (const [position, { weight, data }] of missing.entries()) {
      throwIfAborted(signal);
      if (data.offset > written) await writer.write(new Uint8Array(data.offset - written));
      await writer.write(toBytes(weights.fill(weight, fanInOf(index, weight), position)));
      written = data.offset + data.length;
      onProgress(written, total);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
