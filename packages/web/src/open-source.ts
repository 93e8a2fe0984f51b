import { type BundleManifest, isBundle, MANIFEST, readManifest } from '@cachequant/pipeline';
import { PLANNING_FOLDER } from '@cachequant/pipeline/internals';
import { type HttpStorage, type HttpStorageOptions, httpStorage } from '@cachequant/runtime-web';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { type ChosenGraphs, unusedFiles } from './choose-graphs.js';
import { modelFolderFiles } from './model-folder-files.js';

/** Where a model is: the address of a folder, or a storage with its files. */
export type ModelLocation = string | URL | Storage;

export interface OpenedSource {
  readonly storage: Storage;
  /** Undefined for a model folder, which runs as it is, in float. */
  readonly manifest: BundleManifest | undefined;
  /** Whether files are compared with their hashes when they come in. */
  readonly checked: boolean;
  /** Fetches all that generating needs with these graphs. */
  download(chosen: ChosenGraphs): Promise<void>;
  /** Of what that is, as far as sizes are known. */
  bytes(chosen: ChosenGraphs): Promise<number | undefined>;
}

/** Files of a bundle that are for people. */
const FOR_PEOPLE = new Set(['report.html', 'report.json', 'plan.json', 'verification.json', 'README.md']);

/**
 * Looks what is there, without fetching more than that takes.
 *
 * @throws CacheQuantError `bundle` for a damaged manifest, `storage` when nothing can be fetched
 */
export async function openSource(
  location: ModelLocation,
  options: HttpStorageOptions,
): Promise<OpenedSource> {
  if (typeof location === 'string' || location instanceof URL) {
    return openUrl(httpStorage(location, options), options.files === undefined);
  }
  const manifest = (await isBundle(location)) ? await readManifest(location) : undefined;
  const paths = await location.list();
  return {
    storage: location,
    manifest,
    checked: false,
    download: async () => undefined,
    bytes: (chosen) => sizeOf(location, needed(paths, manifest, chosen)),
  };
}

async function openUrl(storage: HttpStorage, look: boolean): Promise<OpenedSource> {
  const { [MANIFEST]: found } = await storage.find([MANIFEST]);
  if (found === undefined) {
    if (look) storage.declare(await modelFolderFiles(storage));
    const paths = await storage.list();
    if (paths.length === 0) throw nothingThere(storage.url);
    return {
      storage,
      manifest: undefined,
      checked: false,
      download: () => storage.download(paths),
      bytes: () => sizeOf(storage, paths),
    };
  }
  const manifest = await readManifest(storage);
  storage.declare({ ...manifest.files, [MANIFEST]: found });
  const paths = await storage.list();
  return {
    storage,
    manifest,
    checked: true,
    download: (chosen) => storage.download(needed(paths, manifest, chosen)),
    bytes: (chosen) => sizeOf(storage, needed(paths, manifest, chosen)),
  };
}

/** What generating reads of a folder. */
function needed(
  paths: readonly string[],
  manifest: BundleManifest | undefined,
  chosen: ChosenGraphs,
): string[] {
  const unused = manifest ? unusedFiles(manifest, chosen) : new Set<string>();
  // What makes latents of pictures is read when a request has one; most pages never do.
  const skipped = (path: string) =>
    FOR_PEOPLE.has(path) || path.startsWith(PLANNING_FOLDER) || path.startsWith('vae_encoder/');
  return paths.filter((path) => !skipped(path) && !unused.has(path));
}

async function sizeOf(storage: Storage, paths: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const path of paths) {
    const size = (await storage.stat(path))?.size;
    if (size === undefined) return undefined;
    total += size;
  }
  return total;
}

function nothingThere(where: string): CacheQuantError {
  return new CacheQuantError('storage', 'there is no model at this address', {
    where,
    expected: `the address of a folder with ${MANIFEST} (a bundle) or model_index.json (a model)`,
    got: 'neither',
    hint: 'Give the folder that `cachequant optimize` or `optimum-cli export onnx` wrote, as it is on the server',
  });
}
