import { type ByteSource, CacheQuantError, openSource, readExactly, type Storage } from '@cachequant/tensor';
import { currentNames } from './current-names.js';
import { findWeightFiles, type WeightFiles } from './find-weight-files.js';
import { refuseForeignFormat } from './foreign-formats.js';
import { openGguf } from './gguf/open-gguf.js';
import { openSafetensors } from './safetensors/open-safetensors.js';
import { openSharded } from './safetensors/open-sharded.js';
import type { WeightSource } from './weight-source.js';

/** The weights of a file, and the text that its writer left in it, as a safetensors file has. */
export interface WeightFile extends WeightSource {
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Opens one file of weights, safetensors or GGUF, told by its first bytes; only its header is read.
 *
 * @throws CacheQuantError `unsupported` for pickles (`.bin`, `.ckpt`, `.pt`), with the way out;
 *   `checkpoint-format` for damaged files
 */
export async function openWeightFile(source: ByteSource): Promise<WeightFile> {
  await refuseForeignFormat(source);
  return (await isGguf(source)) ? openGguf(source) : openSafetensors(source);
}

async function isGguf(source: ByteSource): Promise<boolean> {
  const start = await readExactly(source, 0, Math.min(source.size, 4));
  return String.fromCharCode(...start) === 'GGUF';
}

/**
 * Opens the weights in a model's folder, as diffusers and transformers save them: one safetensors file, or parts
 * with an index, in one or more variants (`model.fp16.safetensors`). Names of old versions come as those of today.
 *
 * @param folder such as `unet`; '' is the root of the storage
 * @param options.variant which variant to read; without it the plain files, or else the only variant there is
 * @throws CacheQuantError `storage` when there are no weights, `unsupported` when there are only pickles,
 *   `invalid-argument` when the variant is missing or must be named
 */
export async function openWeights(
  storage: Storage,
  folder = '',
  options: { variant?: string } = {},
): Promise<WeightSource> {
  const prefix = folder === '' ? '' : `${folder}/`;
  const inside = (await storage.list(folder)).map((path) => path.slice(prefix.length));
  const names = inside.filter((name) => !name.includes('/'));
  const files = chooseVariant(findWeightFiles(names), options.variant, folder);
  if (files === undefined) return noWeights(names, folder);
  const weights = files.sharded
    ? await openSharded(storage, prefix, files.path)
    : await openWeightFile(await openSource(storage, `${prefix}${files.path}`));
  return currentNames(weights);
}

function chooseVariant(
  files: readonly WeightFiles[],
  variant: string | undefined,
  folder: string,
): WeightFiles | undefined {
  const fitting = files.filter((file) => file.variant === variant);
  // A whole file and an index of the same weights: the whole file is what the libraries take.
  const whole = fitting.find(({ sharded }) => !sharded) ?? fitting[0];
  if (whole !== undefined || files.length === 0) return whole;
  const variants = [...new Set(files.map((file) => file.variant ?? 'none'))];
  if (variant === undefined && variants.length === 1) return chooseVariant(files, variants[0], folder);
  throw new CacheQuantError('invalid-argument', 'there is no such variant of the weights', {
    where: `folder '${folder}'`,
    expected: `one of ${variants.join(', ')}`,
    got: variant ?? 'none',
  });
}

function noWeights(names: readonly string[], folder: string): never {
  const pickle = names.find((name) => /\.(bin|ckpt|pt|pth)$/.test(name));
  if (pickle !== undefined) {
    throw new CacheQuantError('unsupported', 'the weights are PyTorch pickles, which can run any code', {
      where: `folder '${folder}'`,
      expected: 'a .safetensors file',
      got: pickle,
      hint: 'Many repositories hold both: fetch the .safetensors files. Otherwise load the model in Python where you trust it and save it with safe_serialization=True',
    });
  }
  throw new CacheQuantError('storage', 'there are no weights', {
    where: `folder '${folder}'`,
    expected: 'a .safetensors file, or parts with a .safetensors.index.json',
    got: names.length === 0 ? 'no files' : names.slice(0, 10).join(', '),
  });
}
