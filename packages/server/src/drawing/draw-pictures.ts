import {
  type GeneratedImage,
  type GenerationStep,
  previewPicture,
  type RgbImage,
} from '@cachequant/pipeline';
import { CacheQuantError } from '@cachequant/tensor';
import type { LoadedModel } from '../models/served-model.js';
import { changeOf } from './picture-change.js';
import type { DrawnPictures, PictureEvents, PictureOrder } from './picture-order.js';
import { enlarge } from './pictures.js';

/** Who hears of what, and what ends it. */
export interface DrawOptions extends PictureEvents {
  readonly signal: AbortSignal;
  readonly onStep?: (step: GenerationStep, image: number) => void;
  readonly onTimes?: (seconds: number) => void;
}

/**
 * Draws the pictures of an order one after another, so that each is at hand when it is done.
 * @throws CacheQuantError as `Generator.generate`
 */
export async function drawPictures(
  model: LoadedModel,
  order: PictureOrder,
  { signal, onStep, onTimes, onPartial, onPicture }: DrawOptions,
): Promise<DrawnPictures> {
  const images: GeneratedImage[] = [];
  const warnings = new Set<string>();
  const change = await changeOf(order, model);
  for (let image = 0; image < order.count; image++) {
    const result = await model.generator.generate({
      ...requestOf(model, order, image),
      ...change,
      signal,
      onStep: async (step) => {
        onStep?.(step, image);
        const index = partialIndex(step, order.partialPictures ?? 0);
        if (onPartial && index !== undefined)
          await onPartial(await partialPicture(step, model), index, image);
      },
    });
    const [picture] = result.images;
    for (const warning of result.warnings) warnings.add(warning);
    onTimes?.(result.timings.totalMs / 1000);
    await onPicture?.(picture!, image, result.warnings);
    images.push(picture!);
  }
  return { images, warnings: [...warnings] };
}

function requestOf({ takesText }: LoadedModel, order: PictureOrder, image: number) {
  const { via, prompt, negativePrompt, seed, steps, guidanceScale, sampler, width, height } = order;
  if (!takesText && prompt !== '' && via !== 'warm-up') {
    throw new CacheQuantError('invalid-argument', 'the model takes no text', {
      where: 'prompt',
      expected: 'an empty prompt',
    });
  }
  return {
    seed: seed + image,
    ...(takesText && { prompt }),
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...(steps !== undefined && { steps }),
    ...(guidanceScale !== undefined && { guidanceScale }),
    ...(sampler !== undefined && { sampler }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
  };
}

/** Which of the unfinished pictures is shown after a call; they are spread evenly, the finished one left out. */
function partialIndex({ call, calls }: GenerationStep, partials: number): number | undefined {
  const found = Array.from({ length: partials }, (_, i) => i).find(
    (i) => Math.ceil(((i + 1) * calls) / (partials + 1)) - 1 === call && call < calls - 1,
  );
  return found;
}

/** In the size of the finished picture: by the tiny decoder, else without one where the model's colours were fitted. */
async function partialPicture(step: GenerationStep, model: LoadedModel): Promise<RgbImage> {
  if (model.hasTinyDecoder) return step.preview();
  return (await latentPicture(step.latents, model)) ?? step.preview();
}

/** Undefined where the model's colours were not fitted. */
export async function latentPicture(
  latents: GenerationStep['latents'],
  { preview, pixelsPerLatent }: LoadedModel,
): Promise<RgbImage | undefined> {
  if (preview?.[0]?.length !== (latents.dims[1] ?? 0) + 1) return undefined;
  return enlarge(previewPicture(latents, preview), pixelsPerLatent);
}
