import { countWhile } from '../count-while.js';
import { unetLayerName } from '../single-file/unet-names.js';
import type { WeightSource } from '../weight-source.js';
import { fluxLayerNames } from './flux-names.js';

/** A layer that a LoRA can add to. */
export interface Layer {
  /** The model's part, such as `unet`. */
  readonly component: string;
  readonly weight: string;
}

/** What the names of a part's layers begin with in files of LoRA: in names joined by '_', and by '.'. */
const PREFIXES: Readonly<
  Record<string, { readonly flat: readonly string[]; readonly dotted: readonly string[] }>
> = {
  unet: { flat: ['lora_unet_'], dotted: ['unet.', '', 'base_model.model.'] },
  transformer: {
    flat: ['lora_transformer_', 'lora_unet_'],
    dotted: ['transformer.', '', 'base_model.model.', 'diffusion_model.'],
  },
  text_encoder: { flat: ['lora_te_', 'lora_te1_'], dotted: ['text_encoder.'] },
  text_encoder_2: { flat: ['lora_te2_'], dotted: ['text_encoder_2.'] },
  text_encoder_3: { flat: ['lora_te3_'], dotted: ['text_encoder_3.'] },
};

/** Finds the layer that a name in a LoRA file means. */
export class LayerIndex {
  readonly #layers = new Map<string, Layer>();
  readonly #layersPerBlock: number;

  /** @param components the model's parts under the names of diffusers: `unet`, `transformer`, `text_encoder`, … */
  constructor(components: ReadonlyMap<string, WeightSource>) {
    for (const [component, weights] of components) {
      for (const weight of weights.names()) this.#add(component, weight, weights.shapeOf(weight).length);
    }
    const unet = components.get('unet');
    this.#layersPerBlock = countWhile((i) => unet?.has(`down_blocks.0.resnets.${i}.conv1.weight`) ?? false);
  }

  /** @returns more than one for a fused layer, in the order of its rows; none where no part has it */
  find(name: string): readonly Layer[] {
    for (const candidate of this.#spellings(name)) {
      const found = candidate.map((layer) => this.#layers.get(layer));
      if (found.length > 0 && found.every((layer) => layer !== undefined)) return found;
    }
    return [];
  }

  #add(component: string, weight: string, rank: number): void {
    const prefixes = PREFIXES[component];
    if (prefixes === undefined || rank < 2 || !weight.endsWith('.weight')) return;
    const layer = weight.slice(0, -'.weight'.length);
    // transformers 5.6 and later leave text_model out.
    const names = [layer, ...(layer.startsWith('text_model.') ? [layer.slice('text_model.'.length)] : [])];
    const flat = names.map((name) => name.replaceAll('.', '_'));
    const all = [
      ...prefixes.flat.flatMap((prefix) => flat.map((name) => prefix + name)),
      ...prefixes.dotted.flatMap((prefix) => names.map((name) => prefix + name)),
    ];
    for (const name of all) this.#layers.set(name, { component, weight });
  }

  *#spellings(name: string): Generator<readonly string[]> {
    yield [name];
    // diffusers before PEFT called the layers of all attentions alike.
    yield [name.replace(/\.to_out$/, '.to_out.0')];
    yield [name.replace(/\.to_out$/, '.out_proj')];
    yield [name.replace(/\.to_([qkv])$/, '.$1_proj')];
    // SDXL and Flux are trained under the names of their original code.
    const flat = /^lora_(?:unet|transformer)_(.+)$/.exec(name);
    const original = flat ?? /^(?:model\.)?diffusion_model\.(.+)$/.exec(name);
    if (original === null) return;
    yield fluxLayerNames(original[1]!).map((layer) => `lora_transformer_${layer}`);
    if (this.#layersPerBlock === 0) return;
    const layer = unetLayerName(original[1]!, this.#layersPerBlock, flat === null ? '.' : '_');
    if (layer !== undefined) yield [`${flat === null ? 'unet.' : 'lora_unet_'}${layer}`];
  }
}
