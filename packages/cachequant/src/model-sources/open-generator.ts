import {
  type BundleGeneratorOptions,
  createBundleGenerator,
  createGenerator,
  type Generator,
  type GeneratorOptions,
  isBundle,
  type PromptOptions,
  readManifest,
} from '@cachequant/pipeline';
import type { Runtime, Storage } from '@cachequant/tensor';
import type { OpenedModelSource } from './open-model-source.js';

/** Loads a model folder or a bundle for making images. */
export async function openGenerator(
  { storage, inputs, tinyDecoder }: Pick<OpenedModelSource, 'storage' | 'inputs' | 'tinyDecoder'>,
  runtime: Runtime,
  {
    size,
    ...options
  }: Pick<GeneratorOptions, 'prompts' | 'decoder' | 'decodeTile'> & Pick<BundleGeneratorOptions, 'size'> = {},
): Promise<Generator> {
  const all = { storage, runtime, tinyDecoder, ...options };
  return (await isBundle(storage)) ? createBundleGenerator({ ...all, inputs, size }) : createGenerator(all);
}

/** How a bundle reads prompts, for the model that it is compared with; nothing of a model folder. */
export async function promptsOfBundle({ storage }: { readonly storage: Storage }): Promise<PromptOptions> {
  return (await isBundle(storage)) ? ((await readManifest(storage)).prompts ?? {}) : {};
}
