import { CacheQuantError } from '@cachequant/tensor';
import type { WeightSource } from '../weight-source.js';
import { countOf } from '../weight-types.js';
import { loraScale } from './adapter-settings.js';
import { type Layer, LayerIndex } from './layer-index.js';
import { type Addition, MergedWeights } from './merged-weights.js';
import type { Lora, LoraLayer } from './open-lora.js';

/** A LoRA, and how strongly it is applied: 1 is as it was trained. */
export interface WeightedLora {
  readonly lora: Lora;
  readonly strength: number;
  /** For messages, such as the file's name. */
  readonly name?: string;
}

/** The parts of a model with LoRAs added, and what became of each LoRA. */
export interface MergedModel {
  /** The parts that were given, with the additions. */
  readonly components: ReadonlyMap<string, WeightSource>;
  /** In the order of the LoRAs: layers that it was added to, and names in it that no layer of the model has. */
  readonly reports: readonly { readonly applied: number; readonly unknown: readonly string[] }[];
}

/**
 * Adds LoRAs to the weights of a model, as views: strength · alpha / rank · up · down is added when a weight is read.
 *
 * With DoRA, the rows of the sum are then given their lengths.
 *
 * Source: Hu et al., LoRA, 2021, https://arxiv.org/abs/2106.09685; what diffusers' `fuse_lora` computes.
 *
 * @param components the model's parts under diffusers' names: `unet` or `transformer`, `text_encoder`, …
 * @throws CacheQuantError `invalid-argument` where a LoRA fits no layer, or a layer of another shape: it was trained
 *   for another model
 */
export function mergeLoras(
  components: ReadonlyMap<string, WeightSource>,
  loras: readonly WeightedLora[],
): MergedModel {
  const index = new LayerIndex(components);
  const additions = new Map<string, Map<string, Addition[]>>();
  const reports = loras.map((weighted, i) => {
    const name = weighted.name ?? `LoRA ${i + 1}`;
    const unknown = [...weighted.lora.unknown];
    let applied = 0;
    for (const [key, part] of weighted.lora.layers) {
      const layers = index.find(key);
      if (layers.length === 0) {
        unknown.push(part.down, part.up, ...(part.mid === undefined ? [] : [part.mid]));
        continue;
      }
      const shapes = layers.map(({ component, weight }) => components.get(component)!.shapeOf(weight));
      checkShapes(`${name}: layer '${key}'`, weighted.lora.source, part, shapes);
      let row = 0;
      for (const [j, layer] of layers.entries()) {
        const rows = { start: row, count: shapes[j]![0]! };
        row += rows.count;
        const ofPart = additions.get(layer.component) ?? new Map<string, Addition[]>();
        additions.set(layer.component, ofPart);
        const before = ofPart.get(layer.weight) ?? [];
        ofPart.set(layer.weight, [...before, additionOf(weighted, part, layer, rows)]);
      }
      applied++;
    }
    if (applied === 0) fitsNothing(name, unknown);
    return { applied, unknown };
  });
  const merged = [...components].map(([component, weights]) => {
    const own = additions.get(component);
    return [component, own === undefined ? weights : new MergedWeights(weights, own)] as const;
  });
  return { components: new Map(merged), reports };
}

function additionOf(
  { lora, strength }: WeightedLora,
  part: LoraLayer,
  layer: Layer,
  rows: Addition['rows'],
): Addition {
  const name = layer.weight.slice(0, -'.weight'.length);
  const scale = strength * loraScale(lora.settings, layer.component, name, part.rank, part.alpha);
  const { down, up, mid, magnitude, rank } = part;
  return { source: lora.source, down, up, mid, magnitude, rank, rows, scale };
}

function checkShapes(
  where: string,
  source: WeightSource,
  part: LoraLayer,
  shapes: readonly (readonly number[])[],
): void {
  const up = source.shapeOf(part.up);
  const down = source.shapeOf(part.down);
  const mid = part.mid === undefined ? undefined : source.shapeOf(part.mid);
  const outer = mid === undefined ? part.rank : mid[0];
  const columns = countOf(down.slice(1)) * (mid === undefined ? 1 : countOf(mid.slice(2)));
  const rows = shapes.reduce((sum, shape) => sum + shape[0]!, 0);
  const fits =
    part.rank > 0 &&
    up[0] === rows &&
    countOf(up.slice(1)) === outer &&
    (mid === undefined || mid[1] === part.rank) &&
    (part.magnitude === undefined || countOf(source.shapeOf(part.magnitude)) === rows) &&
    shapes.every((shape) => columns === countOf(shape.slice(1)));
  if (fits) return;
  throw new CacheQuantError('invalid-argument', 'this LoRA does not fit the model', {
    where,
    expected: `an addition to ${shapes.map((shape) => `[${shape}]`).join(' and ')}`,
    got: `up [${up}], ${mid === undefined ? '' : `core [${mid}], `}down [${down}]`,
    hint: 'It was trained for another model; its page says for which',
  });
}

function fitsNothing(name: string, unknown: readonly string[]): never {
  throw new CacheQuantError('invalid-argument', 'this LoRA fits no layer of the model', {
    where: name,
    got: `${unknown.slice(0, 3).join(', ')}${unknown.length > 3 ? ` and ${unknown.length - 3} more` : ''}`,
    hint: 'It was trained for another model; its page says for which',
  });
}
