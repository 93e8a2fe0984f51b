import { CacheQuantError, refuseLfsPointer, type Storage } from '@cachequant/tensor';

/** What exporters call a graph within the folder of its part, the usual first: optimum, and transformers.js. */
const GRAPH_NAMES = ['model.onnx', 'onnx/model.onnx'];

/**
 * Finds the float graph of a part of a model.
 * @param folder of the part, without a slash at its end; '' for the top
 * @returns its path, or undefined where the folder holds nothing like a graph
 * @throws CacheQuantError `storage` for what looks like a graph and cannot be one: weights without their graph, a Git
 * LFS pointer, graphs of other names
 */
export async function findGraph(storage: Storage, folder: string): Promise<string | undefined> {
  const inside = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  for (const name of GRAPH_NAMES) {
    if ((await storage.stat(inside(name))) === undefined) continue;
    await refuseLfsPointer(storage, inside(name));
    return inside(name);
  }
  const files = await storage.list(folder);
  const graphs = files.filter((path) => path.endsWith('.onnx') && isNear(path, folder));
  const weights = files.filter((path) => /\.onnx[._]data$/.test(path) && isNear(path, folder));
  if (graphs.length > 0) throw otherGraphs(inside('model.onnx'), graphs);
  if (weights.length > 0) throw weightsAlone(weights);
  return undefined;
}

/** In the folder itself, or in its onnx/. */
function isNear(path: string, folder: string): boolean {
  const rest = folder === '' ? path : path.slice(folder.length + 1);
  return !rest.replace(/^onnx\//, '').includes('/');
}

function otherGraphs(expected: string, graphs: readonly string[]): CacheQuantError {
  const quantized = graphs.find((path) => /quant|int8|uint8|q4|bnb4|fp16/i.test(path));
  return new CacheQuantError('storage', 'the graph has another name', {
    where: expected.slice(0, expected.lastIndexOf('/')) || 'model folder',
    expected,
    got: graphs.join(', '),
    hint:
      quantized === undefined
        ? `Rename it to ${expected}, with its external data beside it`
        : 'That is another precision of it: export or download the float32 graph',
  });
}

function weightsAlone(weights: readonly string[]): CacheQuantError {
  return new CacheQuantError('storage', 'there are weights and no graph', {
    where: weights[0]!,
    expected: weights[0]!.replace(/[._]data$/, ''),
    hint: 'Download the .onnx file that belongs to it as well; it is small',
  });
}
