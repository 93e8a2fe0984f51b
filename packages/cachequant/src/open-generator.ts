import { createBundleGenerator, createGenerator, type Generator, isBundle } from '@cachequant/pipeline';
import type { Runtime, Storage } from '@cachequant/tensor';

/** Loads a model folder or a bundle for making images. */
export async function openGenerator(
  { storage }: { readonly storage: Storage },
  runtime: Runtime,
): Promise<Generator> {
  return (await isBundle(storage))
    ? createBundleGenerator({ storage, runtime })
    : createGenerator({ storage, runtime });
}
