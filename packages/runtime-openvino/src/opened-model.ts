import { copyFile, link, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CacheQuantError, type ModelSource } from '@cachequant/tensor';
import { externalLocations } from '@cachequant/tensor/worker-runtime';

/** A model as a file with its external data beside it, as OpenVINO opens them. */
export interface OpenedModel {
  readonly label: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Removes what was written for it. */
  remove(): Promise<void>;
}

const CHUNK_BYTES = 8 * 1024 * 1024;

/** @throws CacheQuantError `storage` for what is not there, `unsupported` for a URL that is not a file's */
export async function openModel(source: ModelSource): Promise<OpenedModel> {
  if ('bytes' in source) return writeOut(source);
  const path = resolve('url' in source ? pathOfUrl(source.url) : source.path);
  const bytes = await readFile(path).catch((cause) => {
    throw new CacheQuantError('storage', 'the model cannot be read', { where: path, cause });
  });
  const folder = dirname(path);
  const home = await realpath(folder);
  let linked = dirname(await realpath(path)) !== home;
  for (const location of externalLocations(bytes)) {
    await requireFile(join(folder, location));
    linked ||= dirname(await realpath(join(folder, location))) !== home;
  }
  // OpenVINO refuses data behind links that leave the model's folder, as a Hugging Face cache has them.
  if (linked) return { ...(await writeOut({ bytes, externalFolder: folder })), label: path };
  return { label: path, path, bytes, remove: async () => undefined };
}

type BytesSource = Extract<ModelSource, { readonly bytes: Uint8Array }>;

async function writeOut({ bytes, externalData, externalFolder }: BytesSource): Promise<OpenedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'cachequant-openvino-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'model.onnx');
    await writeFile(path, bytes);
    for (const location of externalLocations(bytes)) {
      const place = join(folder, plainName(location));
      const given = externalData?.get(location);
      if (given instanceof Uint8Array) await writeFile(place, given);
      else if (given) {
        for (let at = 0; at < given.size; at += CHUNK_BYTES) {
          await writeFile(place, await given.read(at, Math.min(CHUNK_BYTES, given.size - at)), { flag: 'a' });
        }
      } else await borrow(resolve(externalFolder ?? folder, location), place);
    }
    return { label: 'model bytes', path, bytes: Uint8Array.from(bytes), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Makes a file that lies elsewhere appear in the folder: OpenVINO follows no symbolic link out of it. */
async function borrow(from: string, place: string): Promise<void> {
  await requireFile(from);
  const real = await realpath(from);
  await link(real, place).catch(() => copyFile(real, place));
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return;
  throw new CacheQuantError('storage', 'external data of the model is missing', {
    where: path,
    hint: 'Put the file beside the model, or hand it over in `externalData`',
  });
}

/** @throws CacheQuantError `unsupported` for a location in another folder than the model's */
function plainName(location: string): string {
  if (location !== '' && basename(location) === location && location !== '..' && !location.includes('\\'))
    return location;
  throw new CacheQuantError('unsupported', 'external data has to lie beside its graph', {
    where: 'externalData',
    got: location,
  });
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new CacheQuantError('unsupported', 'this runtime opens files only', {
      where: 'load',
      expected: 'a file: URL',
      got: url,
      hint: 'Download the model first and load it by its path',
      cause,
    });
  }
}
