import type { GenerationRequest } from '@cachequant/pipeline';
import { readText } from '@cachequant/tensor';
import type { GoldenPicture } from './family-case.js';
import { modelStorage } from './models.js';

/** The `golden.json` of a model: each case is a request, and what diffusers made of it. */
export async function goldenOf(model: string): Promise<GoldenPicture[]> {
  const cases = JSON.parse(await readText(modelStorage(model), 'golden.json')) as (GenerationRequest &
    Omit<GoldenPicture, 'request'>)[];
  return cases.map(({ latents, picture, ...request }) => ({ request, latents, ...(picture && { picture }) }));
}
