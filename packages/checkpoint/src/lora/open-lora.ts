import { CacheQuantError, fromBytes } from '@cachequant/tensor';
import { readFloat32 } from '../read-float32.js';
import type { WeightSource } from '../weight-source.js';
import { countOf } from '../weight-types.js';
import { type AdapterSettings, adapterSettings } from './adapter-settings.js';
import { type LoraRole, parseLoraKey, unsupportedForm } from './lora-keys.js';

/** What a LoRA adds to one layer, by the names of its weights: alpha / rank · up · (mid ·) down. */
export interface LoraLayer {
  readonly down: string;
  readonly up: string;
  readonly mid: string | undefined;
  /** DoRA: the length that each row of the sum is given. */
  readonly magnitude: string | undefined;
  readonly rank: number;
  /** Where the file has one of this layer's own. */
  readonly alpha: number | undefined;
}

/** A file of LoRA, taken apart. */
export interface Lora {
  readonly source: WeightSource;
  /** By the names of layers, as the file has them. */
  readonly layers: ReadonlyMap<string, LoraLayer>;
  readonly settings: AdapterSettings;
  /** Names of no known form. */
  readonly unknown: readonly string[];
}

/**
 * Reads what a LoRA file holds: as kohya's scripts, PEFT, diffusers, or LyCORIS (LoCon, with or without a core)
 * write it, and DoRA as PEFT does. Only the alphas are read.
 *
 * @param source as `openWeightFile` opens it
 * @param metadata the file's, where PEFT leaves ranks and alphas
 * @throws CacheQuantError `unsupported` for other forms of adaptation (LoHa, LoKr, OFT, …),
 *   `checkpoint-format` for layers of which a part is missing, and for files without any
 */
export async function openLora(
  source: WeightSource,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Lora> {
  const parts = new Map<string, Partial<Record<LoraRole, string>>>();
  const unknown: string[] = [];
  for (const name of source.names()) {
    const form = unsupportedForm(name);
    if (form !== undefined) refuse(form, name);
    const key = parseLoraKey(name);
    if (key === undefined) unknown.push(name);
    else parts.set(key.layer, { ...parts.get(key.layer), [key.role]: name });
  }
  const layers = new Map<string, LoraLayer>();
  for (const [layer, { down, up, mid, alpha, magnitude }] of parts) {
    if (down === undefined || up === undefined) incomplete(layer, down === undefined ? 'down' : 'up');
    const rank = source.shapeOf(down)[0] ?? 0;
    layers.set(layer, {
      down,
      up,
      mid,
      magnitude,
      rank,
      alpha: alpha === undefined ? undefined : await readScalar(source, alpha),
    });
  }
  if (layers.size === 0) {
    throw new CacheQuantError('checkpoint-format', 'this file holds no LoRA', {
      where: 'names of the weights',
      expected: 'such as lora_unet_….lora_down.weight or unet.….lora_A.weight',
      got: unknown.slice(0, 3).join(', '),
    });
  }
  return { source, layers, settings: adapterSettings(metadata), unknown };
}

async function readScalar(source: WeightSource, name: string): Promise<number> {
  if (countOf(source.shapeOf(name)) !== 1) {
    throw new CacheQuantError('checkpoint-format', 'the alpha of a layer is not one number', {
      where: `weight '${name}'`,
      got: `[${source.shapeOf(name)}]`,
    });
  }
  const dtype = source.dtypeOf(name);
  if (dtype === 'int64') return Number(fromBytes(dtype, await source.read(name))[0]);
  if (dtype === 'int32') return fromBytes(dtype, await source.read(name))[0]!;
  return (await readFloat32(source, name))[0]!;
}

function refuse(form: string, name: string): never {
  throw new CacheQuantError('unsupported', `this adapter has ${form}, which is not applied`, {
    where: `weight '${name}'`,
    expected: 'LoRA (kohya, PEFT, diffusers), LoCon (LyCORIS) or DoRA (PEFT)',
    hint: 'Merge it into the checkpoint with the tool that it was trained with, and use the merged checkpoint',
  });
}

function incomplete(layer: string, part: string): never {
  throw new CacheQuantError('checkpoint-format', `the LoRA of a layer has no ${part} part`, {
    where: `layer '${layer}'`,
    hint: 'The file is damaged, or of another kind than LoRA',
  });
}
