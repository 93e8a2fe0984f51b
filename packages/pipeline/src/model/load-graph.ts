import type { LoadOptions, ModelSource, Runtime, Session, Storage } from '@cachequant/tensor';

/**
 * How a runtime gets at a graph: by its path where the storage has one, else by its bytes, with the files of
 * external data that lie beside it.
 */
export async function modelSource(storage: Storage, path: string): Promise<ModelSource> {
  const located = storage.locate?.(path);
  if (located !== undefined) return { path: located };
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const neighbours = (await storage.list(folder))
    .map((file) => file.slice(folder.length))
    .filter(isExternalData);
  const externalData = new Map<string, Uint8Array>();
  for (const name of neighbours) externalData.set(name, await storage.read(folder + name));
  return { bytes: await storage.read(path), externalData };
}

/** Loads a graph of a model folder. */
export async function loadGraph(
  runtime: Runtime,
  storage: Storage,
  path: string,
  options: LoadOptions = {},
): Promise<Session> {
  return runtime.load(await modelSource(storage, path), options);
}

/** Exporters name external data in many ways; what it is not is a graph, text, or in a folder below. */
function isExternalData(name: string): boolean {
  return !name.includes('/') && !/\.(onnx|json|txt|md|html)$/i.test(name);
}
