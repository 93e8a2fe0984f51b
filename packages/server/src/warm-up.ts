import type { Studio } from './drawing/studio.js';
import type { ServedModel } from './models/served-model.js';

/**
 * Draws a picture that nobody asked for, so that the first request finds everything loaded, and a model that cannot
 * draw is known before.
 * @throws CacheQuantError as `Generator.generate`
 */
export async function drawWarmUp(
  studio: Studio,
  { id }: ServedModel,
  steps: number | undefined,
): Promise<void> {
  const order = {
    id: 'warm-up',
    via: 'warm-up',
    model: id,
    prompt: 'warm up',
    seed: 0,
    count: 1,
    steps,
  } as const;
  await studio.draw(order, new AbortController().signal);
}
