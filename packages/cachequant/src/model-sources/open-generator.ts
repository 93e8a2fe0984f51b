import {
  createBundleGenerator,
  createGenerator,
  type Generator,
  isBundle,
  type PromptOptions,
  readManifest,
} from '@cachequant/pipeline';
import type { Runtime, Storage } from '@cachequant/tensor';

/** Loads a model folder or a bundle for making images. */
export async function openGenerator(
  { storage }: { readonly storage: Storage },
  runtime: Runtime,
  prompts?: PromptOptions,
): Promise<Generator> {
  return (await isBundle(storage))
    ? createBundleGenerator({ storage, runtime, prompts })
    : createGenerator({ storage, runtime, prompts });
}

/** How a bundle reads prompts, for the model that it is compared with; nothing of a model folder. */
export async function promptsOfBundle({ storage }: { readonly storage: Storage }): Promise<PromptOptions> {
  return (await isBundle(storage)) ? ((await readManifest(storage)).prompts ?? {}) : {};
}
