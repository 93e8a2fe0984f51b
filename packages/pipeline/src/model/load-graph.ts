import { parseModel } from '@cachequant/onnx';
import type { LoadOptions, ModelSource, Runtime, Session, Storage } from '@cachequant/tensor';

/**
 * How a runtime gets at a graph: by its path where the storage has one, else by its bytes, with the files of
 * external data that it names. Those that lie in a folder of this machine stay there.
 */
export async function modelSource(storage: Storage, path: string): Promise<ModelSource> {
  const located = storage.locate?.(path);
  if (located !== undefined) return { path: located };
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const bytes = await storage.read(path);
  const names = externalFiles(bytes, path);
  const externalFolder = folderOnMachine(storage, folder, names);
  if (externalFolder !== undefined) return { bytes, externalFolder };
  const externalData = new Map<string, Uint8Array>();
  for (const name of names) externalData.set(name, await storage.read(folder + name));
  return { bytes, externalData };
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

function externalFiles(bytes: Uint8Array, name: string): string[] {
  const { initializers } = parseModel(bytes, { name }).graph;
  const files = [...initializers.values()].flatMap(({ data }) =>
    data.kind === 'external' ? data.location : [],
  );
  return [...new Set(files)];
}

/** The one folder in which a runtime can open all of these files itself; undefined where there is none. */
function folderOnMachine(storage: Storage, folder: string, names: readonly string[]): string | undefined {
  const folders = names.map((name) => {
    const located = storage.locate?.(folder + name)?.replaceAll('\\', '/');
    return located?.endsWith(`/${name}`) ? located.slice(0, -name.length - 1) : undefined;
  });
  return new Set(folders).size === 1 ? folders[0] : undefined;
}
