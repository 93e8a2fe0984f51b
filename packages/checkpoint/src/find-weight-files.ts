/** The weights of one model as they lie in its folder. */
export interface WeightFiles {
  /** The file of weights, or the index of its parts. */
  readonly path: string;
  readonly sharded: boolean;
  /** Such as `fp16` in `model.fp16.safetensors`; undefined for the plain files. */
  readonly variant: string | undefined;
}

const WHOLE = /^(?<base>[^.]+)(?:\.(?<variant>[\w-]+))?\.safetensors$/;
const INDEX =
  /^(?<base>[^.]+)(?:\.(?<variant>[\w-]+))?\.safetensors(?:\.(?<late>[\w-]+))?\.index(?:\.(?<last>[\w-]+))?\.json$/;
const PART = /-\d{5}-of-\d{5}(\.[\w-]+)?\.safetensors$/;

/** The names that diffusers and transformers save under, as opposed to further files that lie beside them. */
const USUAL_NAMES = new Set(['diffusion_pytorch_model', 'model']);

/**
 * The safetensors files in a folder that hold a whole model each, alone or by an index, in their variants.
 *
 * @param names of the files directly in the folder
 * @returns those named as diffusers and transformers name them; where there are none, all others
 */
export function findWeightFiles(names: Iterable<string>): WeightFiles[] {
  const found: (WeightFiles & { base: string })[] = [];
  for (const path of names) {
    const match = PART.test(path) ? null : (INDEX.exec(path) ?? WHOLE.exec(path));
    if (match === null) continue;
    const { base = '', variant, late, last } = match.groups ?? {};
    found.push({ path, base, sharded: path.endsWith('.json'), variant: variant ?? late ?? last });
  }
  const usual = found.filter(({ base }) => USUAL_NAMES.has(base));
  return (usual.length > 0 ? usual : found).map(({ path, sharded, variant }) => ({ path, sharded, variant }));
}
