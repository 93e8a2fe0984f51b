import { createBundleGenerator, createGenerator, type Generator, isBundle } from '@cachequant/pipeline';
import type { Runtime } from '@cachequant/tensor';
import type { ModelLocation } from './model-location.js';

/** Loads a model folder or a bundle for making images. */
export async function openGenerator({ storage }: ModelLocation, runtime: Runtime): Promise<Generator> {
  return (await isBundle(storage))
    ? createBundleGenerator({ storage, runtime })
    : createGenerator({ storage, runtime });
}
