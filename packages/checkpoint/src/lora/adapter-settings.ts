import { CacheQuantError, parseJson } from '@cachequant/tensor';

/** Ranks and alphas that PEFT's metadata give for the layers of one part of a model. */
interface PartSettings {
  readonly alpha: number | undefined;
  readonly alphas: Readonly<Record<string, number>>;
  /** Rank-stabilized LoRA: the addition is divided by √rank in place of the rank. */
  readonly stabilized: boolean;
}

/** Rank and alpha of a LoRA's layers, by part of the model. */
export type AdapterSettings = ReadonlyMap<string, PartSettings>;

/**
 * The configurations that diffusers saves beside the weights (`lora_adapter_metadata`), by parts of the model.
 * @returns empty where there are none, or none that can be read; then alpha is the rank
 */
export function adapterSettings(metadata: Readonly<Record<string, string>>): AdapterSettings {
  const all = parseObject(metadata.lora_adapter_metadata);
  const parts = new Set(Object.keys(all).map((key) => key.split('.')[0]!));
  return new Map(
    [...parts].map((part) => {
      const alpha = all[`${part}.lora_alpha`];
      const alphas = all[`${part}.alpha_pattern`];
      return [
        part,
        {
          alpha: typeof alpha === 'number' ? alpha : undefined,
          alphas: typeof alphas === 'object' && alphas !== null ? (alphas as Record<string, number>) : {},
          stabilized: all[`${part}.use_rslora`] === true,
        },
      ];
    }),
  );
}

/**
 * What a layer's addition is multiplied with.
 * @param layer its name within the part, such as `down_blocks.0.attentions.0.proj_in`
 * @param own the alpha that the file has for this layer
 */
export function loraScale(
  settings: AdapterSettings,
  part: string,
  layer: string,
  rank: number,
  own: number | undefined,
): number {
  const given = settings.get(part);
  if (given === undefined || own !== undefined) return (own ?? rank) / rank;
  const pattern = Object.keys(given.alphas).find((key) => matches(key, layer));
  const alpha = (pattern === undefined ? given.alpha : given.alphas[pattern]) ?? rank;
  return alpha / (given.stabilized ? Math.sqrt(rank) : rank);
}

/** As PEFT does it: the whole name, or its end after a dot. diffusers writes names; others may write expressions. */
function matches(pattern: string, layer: string): boolean {
  if (/^[\w.]+$/.test(pattern)) return layer === pattern || layer.endsWith(`.${pattern}`);
  throw new CacheQuantError('unsupported', 'the alphas of this LoRA are given by regular expressions', {
    where: 'lora_adapter_metadata',
    expected: 'names of layers in alpha_pattern',
    got: pattern,
  });
}

function parseObject(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const value: unknown = parseJson(text, 'lora_adapter_metadata');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
