import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Storage } from '@cachequant/tensor';

/** What a path on the command line stands for. */
export interface ModelLocation {
  /** As the person wrote it. */
  readonly given: string;
  /** The folder; for a single file, the one that it lies in. */
  readonly storage: Storage;
  readonly folder: string;
  /** Name of the file within the folder; undefined for a folder. */
  readonly file: string | undefined;
}

/**
 * Finds a model folder, a bundle or a single ONNX file.
 * @throws CacheQuantError `storage` when there is nothing
 */
async function locateModel(cwd: string, given: string): Promise<ModelLocation> {
  const path = resolve(cwd, given);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return { given, storage: nodeStorage(path), folder: path, file: undefined };
  if (found?.isFile()) {
    requireGraphName(given);
    return { given, storage: nodeStorage(dirname(path)), folder: dirname(path), file: basename(path) };
  }
  throw new CacheQuantError('storage', 'there is no such file or folder', {
    where: given,
    ...(path !== given && { got: path }),
    hint: isHubId(given)
      ? `If that is a model of the Hugging Face Hub, export it first: optimum-cli export onnx --model ${given} ./my-model`
      : 'Check the path',
  });
}

/** `owner/name`, as the Hub calls its models. */
function isHubId(given: string): boolean {
  return /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(given) && !given.endsWith('.onnx');
}

/**
 * Refuses a file that is no graph by its name, which the reader could say less clearly.
 * @throws CacheQuantError `invalid-argument`
 */
function requireGraphName(given: string): void {
  const [, ending] =
    /\.(md|txt|json|html?|png|jpe?g|safetensors|ckpt|pt|pth|bin|pb|zip|gz)$/i.exec(given) ?? [];
  if (ending === undefined) return;
  const weights = /^(safetensors|ckpt|pt|pth|bin|pb)$/i.test(ending);
  throw new CacheQuantError('invalid-argument', 'this is no ONNX graph', {
    where: given,
    expected: 'a model folder, a bundle, or a file that ends in .onnx',
    got: `.${ending}`,
    ...(weights && {
      hint: 'These are weights; a PyTorch model has to be exported first: optimum-cli export onnx',
    }),
  });
}

/**
 * Like `locateModel`, for commands that need all parts of a model.
 * @throws CacheQuantError `invalid-argument` for a single file
 */
export async function locateFolder(cwd: string, given: string): Promise<ModelLocation> {
  const location = await locateModel(cwd, given);
  if (location.file === undefined) return location;
  throw new CacheQuantError('invalid-argument', 'this is a file', {
    where: given,
    expected: 'a model folder or a bundle',
    hint: 'Give the folder that it lies in',
  });
}

/**
 * Like `locateModel`, for commands that take one graph: a file, or the single `model.onnx` of a folder.
 * @throws CacheQuantError `invalid-argument` for a folder without one
 */
export async function locateGraph(
  cwd: string,
  given: string,
): Promise<ModelLocation & { readonly file: string }> {
  const location = await locateModel(cwd, given);
  if (location.file !== undefined) return { ...location, file: location.file };
  if (await location.storage.stat('model.onnx')) return { ...location, file: 'model.onnx' };
  throw new CacheQuantError('invalid-argument', 'this is a folder', {
    where: given,
    expected: 'an ONNX file, such as unet/model.onnx',
  });
}
