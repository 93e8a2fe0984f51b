import { findWeightFiles, type WeightFiles } from '@cachequant/checkpoint';
import { CacheQuantError } from '@cachequant/tensor';

/** Parts of a pipeline that generating pictures does not need. */
const NOT_NEEDED = new Set(['safety_checker', 'feature_extractor', 'image_encoder']);

const SMALL = /\.(json|txt|model|jinja)$/;
const CARD = /^(README\.md|LICEN[CS]E.*)$/i;
const ONNX = /\.onnx(_data|\.data)?$|\.onnx_data[\w-]*$/;
const PICKLE = /\.(bin|ckpt|pt|pth)$/;

/** The files of a folder that are its weights. */
interface Weights {
  readonly files: readonly string[];
  readonly variant: string | undefined;
}

/** The files of a repository that a model needs. */
export interface ChosenFiles {
  readonly paths: readonly string[];
  /** The variant that most parts have, such as `fp16`. */
  readonly variant: string | undefined;
}

/**
 * Chooses what a model needs out of all its files: of a pipeline, the configurations, tokenizers and weights of its
 * parts (each once, in the variant that is wanted, safetensors rather than pickles, else ONNX); of a single model,
 * the same of its root.
 *
 * @param paths of all files
 * @param index the content of `model_index.json`, where there is one
 * @param variant wanted; by default `fp16` where a part has it, else the plain files
 * @throws CacheQuantError `unsupported` for parts that are pickles alone, with the way out; `invalid-argument` for
 *   a variant that no part has, and for repositories with several single files
 */
export function chooseFiles(
  paths: readonly string[],
  index: Readonly<Record<string, unknown>> | undefined,
  variant?: string,
): ChosenFiles {
  const chosen = new Set(paths.filter((path) => CARD.test(path)));
  const folders = index === undefined ? [''] : componentsOf(index, paths);
  if (index !== undefined) chosen.add('model_index.json');
  const variants: (string | undefined)[] = [];
  for (const folder of folders) {
    const inside = filesIn(paths, folder);
    const prefix = folder === '' ? '' : `${folder}/`;
    for (const name of inside) if (SMALL.test(name) && !isIndex(name)) chosen.add(prefix + name);
    const weights = weightsOf(inside, folder, variant);
    if (weights === undefined) continue;
    for (const name of weights.files) chosen.add(prefix + name);
    variants.push(weights.variant);
  }
  if (variants.length === 0) noWeights(paths);
  if (variant !== undefined && !variants.includes(variant)) noSuchVariant(variant, paths);
  return { paths: [...chosen].sort(), variant: variants.find((name) => name !== undefined) };
}

/** The folders of the parts: entries `[library, class]` of the index that are not empty. */
function componentsOf(index: Readonly<Record<string, unknown>>, paths: readonly string[]): string[] {
  const named = Object.entries(index).filter(
    ([name, value]) =>
      !name.startsWith('_') && !NOT_NEEDED.has(name) && Array.isArray(value) && typeof value[1] === 'string',
  );
  const folders = named.map(([name]) => name);
  // ONNX exports have their parts' names for the two halves of the autoencoder.
  const halves = ['vae_encoder', 'vae_decoder'].filter((name) => filesIn(paths, name).length > 0);
  return [...new Set([...folders, ...halves])].filter((name) => filesIn(paths, name).length > 0);
}

function weightsOf(
  names: readonly string[],
  folder: string,
  wanted: string | undefined,
): Weights | undefined {
  const found = findWeightFiles(names);
  if (found.length === 0) {
    const onnx = names.filter((name) => ONNX.test(name));
    if (onnx.length > 0) return { files: onnx, variant: undefined };
    if (names.some((name) => PICKLE.test(name))) refusePickles(names, folder);
    return undefined;
  }
  const usual = wanted ?? 'fp16';
  const fitting = found.filter((files) => files.variant === usual);
  const plain = found.filter((files) => files.variant === undefined);
  const candidates = fitting.length > 0 ? fitting : plain.length > 0 ? plain : found;
  const whole = candidates.filter((files) => !files.sharded);
  const best = whole.length > 0 ? whole : candidates;
  if (best.length > 1) ambiguous(best, folder);
  return { files: filesOf(best[0]!, names), variant: best[0]!.variant };
}

/** The file itself, or the index and its parts, whose names begin as the index's does. */
function filesOf({ path, sharded, variant }: WeightFiles, names: readonly string[]): string[] {
  if (!sharded) return [path];
  const base = /^[^.]+/.exec(path)![0];
  const parts = names.filter((name) => {
    const match = /^([^.]+?)(?:\.([\w-]+?))?-\d{5}-of-\d{5}(?:\.([\w-]+))?\.safetensors$/.exec(name);
    return match?.[1] === base && (match[2] ?? match[3]) === variant;
  });
  return [path, ...parts];
}

/** The names of files directly in a folder. */
function filesIn(paths: readonly string[], folder: string): string[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  return paths
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length))
    .filter((name) => !name.includes('/'));
}

function isIndex(name: string): boolean {
  return /\.index(\.[\w-]+)?\.json$/.test(name);
}

function refusePickles(names: readonly string[], folder: string): never {
  throw new CacheQuantError(
    'unsupported',
    'the weights of this model are PyTorch pickles, which can run any code',
    {
      where: folder === '' ? 'the model' : `part '${folder}'`,
      expected: 'a .safetensors file',
      got: names.filter((name) => PICKLE.test(name)).join(', '),
      hint: "Look for another revision (the model's pull requests often have safetensors: --revision refs/pr/1), or convert it in Python where you trust it",
    },
  );
}

function ambiguous(files: readonly WeightFiles[], folder: string): never {
  throw new CacheQuantError('invalid-argument', 'the model has several files of weights', {
    where: folder === '' ? 'the model' : `part '${folder}'`,
    expected: 'the one to take',
    got: files.map(({ path }) => path).join(', '),
    hint: 'Name the file',
  });
}

function noSuchVariant(variant: string, paths: readonly string[]): never {
  const folders = [...new Set(paths.map((path) => path.split('/').slice(0, -1).join('/')))];
  const all = folders.flatMap((folder) => findWeightFiles(filesIn(paths, folder)));
  const names = [...new Set(all.map((files) => files.variant ?? 'the plain one'))];
  throw new CacheQuantError('invalid-argument', 'no part of the model has this variant', {
    where: 'variant',
    expected: names.join(', '),
    got: variant,
  });
}

function noWeights(paths: readonly string[]): never {
  throw new CacheQuantError('unsupported', 'the model has no weights that are read', {
    where: 'the model',
    expected: '.safetensors or .onnx files',
    got: paths.length === 0 ? 'no files' : paths.slice(0, 10).join(', '),
  });
}
