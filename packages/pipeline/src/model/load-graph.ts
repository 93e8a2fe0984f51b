import { encodeModel, externalLocations, type OnnxModel, parseModel } from '@cachequant/onnx';
import {
  type ByteSource,
  type LoadOptions,
  type ModelSource,
  openSource,
  type Runtime,
  type Session,
  type Storage,
} from '@cachequant/tensor';

/**
 * How a runtime gets at a graph: by its path where the storage has one, else by its bytes, with the files of
 * external data that it names. Those that lie in a folder of this machine stay there.
 */
export async function modelSource(
  storage: Storage,
  path: string,
  change?: ChangeGraph,
): Promise<ModelSource> {
  const located = change ? undefined : storage.locate?.(path);
  if (located !== undefined && !(await hasLinkedData(storage, path))) return { path: located };
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const read = await storage.read(path);
  const model = change ? change(parseModel(read, { name: path })) : parseModel(read, { name: path });
  const bytes = change ? encodeModel(model) : read;
  const names = externalFiles(model);
  const places = await placesOnMachine(storage, folder, names);
  const externalData = new Map<string, Uint8Array | ByteSource>();
  for (const name of names) {
    if (!places.has(name)) externalData.set(name, await openData(storage, folder + name));
  }
  const [place] = places.values();
  return {
    bytes: [...places].some(([name, { location }]) => name !== location) ? relocated(model, places) : bytes,
    ...((externalData.size > 0 || place === undefined) && { externalData }),
    ...(place && { externalFolder: place.folder }),
  };
}

/** Above this, external data are not read whole: there may be too much of them. */
const WHOLE_BYTES = 16 * 1024 * 1024;

async function openData(storage: Storage, path: string): Promise<Uint8Array | ByteSource> {
  const size = (await storage.stat(path))?.size ?? 0;
  return size > WHOLE_BYTES ? openSource(storage, path) : storage.read(path);
}

/** Whether a graph has external data that a runtime would not find, or not take: beside a link, or links themselves. */
async function hasLinkedData(storage: Storage, path: string): Promise<boolean> {
  const names = await externalLocations(storage, path);
  if (names.length === 0) return false;
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  for (const file of [path, ...names.map((name) => folder + name)]) {
    if ((await storage.stat(file))?.target !== undefined) return true;
  }
  return false;
}

/** Gives another graph in place of one, over the same weights. */
export type ChangeGraph = (model: OnnxModel) => OnnxModel;

/** Loads a graph of a model folder, as it is or with a change. */
export async function loadGraph(
  runtime: Runtime,
  storage: Storage,
  path: string,
  { change, ...options }: LoadOptions & { readonly change?: ChangeGraph } = {},
): Promise<Session> {
  return runtime.load(await modelSource(storage, path, change), options);
}

function externalFiles({ graph }: OnnxModel): string[] {
  const files = [...graph.initializers.values()].flatMap(({ data }) =>
    data.kind === 'external' ? data.location : [],
  );
  return [...new Set(files)];
}

/** A folder of this machine, and what a file is called there. */
interface Place {
  readonly folder: string;
  readonly location: string;
}

/** Where a runtime can open these files itself, if they lie below one folder; runtimes look below one alone. */
async function placesOnMachine(
  storage: Storage,
  folder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  for (const name of names) {
    const place = await placeOnMachine(storage, folder + name, name);
    if (place !== undefined) places.set(name, place);
  }
  const folders = new Set([...places.values()].map((place) => place.folder));
  return folders.size === 1 ? places : belowOneFolder(places);
}

/** Places as seen from the folder that they have in common, such as a model's and its ControlNet's; none without one. */
function belowOneFolder(places: ReadonlyMap<string, Place>): ReadonlyMap<string, Place> {
  const paths = [...places.values()].map(({ folder, location }) => `${folder}/${location}`.split('/'));
  const [first = []] = paths;
  const shared = first.findIndex((part, i) => paths.some((path) => path[i] !== part));
  const folder = first.slice(0, Math.max(0, shared)).join('/');
  // The root of a disk is no folder to give away.
  if (folder === '' || /^[A-Za-z]:$/.test(folder)) return new Map();
  return new Map(
    [...places.keys()].map((name, i) => [name, { folder, location: paths[i]!.slice(shared).join('/') }]),
  );
}

/**
 * Runtimes refuse links that lead out of the folder, as all those of Python's cache do, and know no files of other names:
 * they get the file itself.
 */
async function placeOnMachine(storage: Storage, path: string, name: string): Promise<Place | undefined> {
  const located = storage.locate?.(path);
  if (located === undefined) return undefined;
  const place = ((await storage.stat(path))?.target ?? located).replaceAll('\\', '/');
  const location = place.endsWith(`/${name}`) ? name : place.slice(place.lastIndexOf('/') + 1);
  return { folder: place.slice(0, -location.length - 1), location };
}

function relocated(model: OnnxModel, places: ReadonlyMap<string, Place>): Uint8Array {
  for (const weight of model.graph.initializers.values()) {
    const { data } = weight;
    const place = data.kind === 'external' ? places.get(data.location) : undefined;
    if (data.kind === 'external' && place) weight.data = { ...data, location: place.location };
  }
  return encodeModel(model);
}
