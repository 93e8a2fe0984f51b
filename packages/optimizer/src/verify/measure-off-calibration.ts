import { interval95, meanOf, psnr, type RgbImage } from '@cachequant/evaluate';
import { type Denoiser, floatDenoiser, loadGraph, type ModelFolder } from '@cachequant/pipeline';
import { isGuided, type OffCalibration, possibleSampler } from '@cachequant/pipeline/internals';
import type { Sampler } from '@cachequant/samplers';
import type { CalibratedModel } from '../calibrated-model.js';
import { type CalibrationContext, type PreparedImage, sampleImage } from '../calibration-context.js';
import { loadVariant, samplerOf, type Variant } from '../candidates/variant.js';
import { type ImageEncoder, withImageEncoder } from '../prepare/image-conditioning.js';
import { withText } from '../prepare/inpainting-inputs.js';

/** Requests of one kind that the calibration has not seen. */
interface Condition extends Pick<OffCalibration, 'kind' | 'value'> {
  readonly guidanceScale: number;
  readonly sampler: Sampler;
  readonly images: readonly PreparedImage[];
}

const NEGATIVE_PROMPT = 'blurry, low quality';
const ADDED_WORDS = 'highly detailed, studio lighting';
const LEAST_STEPS = 2;
/** PSNR of equal pictures, so that means stay finite. */
const MAX_PSNR = 100;

/**
 * Measures a bundle's graphs against the original where the calibration has not been: at half and at twice the
 * steps, at half and at twice the guidance scale, with a negative prompt, and with other words in the prompts. The
 * original takes as many steps. It and the bundle are never in memory together.
 */
export async function measureOffCalibration(
  { context }: CalibratedModel,
  folder: ModelFolder,
  variant: Variant,
): Promise<OffCalibration[]> {
  const images = context.verification.slice(0, context.recipe.offCalibrationImages);
  if (images.length === 0) return [];
  const { guidanceScale, sampler } = context;
  const calibrated = { kind: 'wording', value: '', guidanceScale, sampler, images } as const;
  const conditions = [calibrated, ...(await conditionsOf(context, folder, images))];
  if (conditions.length === 1) return [];
  const original = async () =>
    floatDenoiser(await loadGraph(context.runtime, folder.storage, folder.denoiser.model));
  const references = await draw(context, conditions, original);
  // Its own calls, where all of them would be made.
  const own = conditions.map((each) =>
    each.sampler === sampler ? { ...each, sampler: samplerOf(context, variant) } : each,
  );
  const pictures = await draw(context, own, () => loadVariant(context, variant));
  const quality = pictures.map((made, i) =>
    made.map((picture, j) => Math.min(psnr(references[i]![j]!, picture), MAX_PSNR)),
  );
  const psnrCalibrated = meanOf(quality[0]!);
  return conditions.slice(1).map(({ kind, value }, i) => ({
    kind,
    value,
    images: images.length,
    psnr: meanOf(quality[i + 1]!),
    psnrInterval: interval95(quality[i + 1]!),
    psnrCalibrated,
  }));
}

async function conditionsOf(
  context: CalibrationContext,
  folder: ModelFolder,
  images: readonly PreparedImage[],
): Promise<Condition[]> {
  const { guidanceScale, sampler } = context;
  const asCalibrated = { guidanceScale, sampler, images };
  const guided = isGuided(guidanceScale) && images[0]!.unconditional !== undefined;
  const conditions: Condition[] = otherSteps(context, folder).map((other) => ({
    ...asCalibrated,
    kind: 'steps',
    value: other.steps,
    sampler: other,
  }));
  for (const value of guided ? [guidanceScale / 2, guidanceScale * 2] : []) {
    conditions.push({ ...asCalibrated, kind: 'guidance scale', value, guidanceScale: value });
  }
  const { family } = context.conditioning ?? {};
  if (!context.conditioning || !(family?.takesText || family?.embedsGuidance)) return conditions;
  return withImageEncoder(
    context.conditioning,
    context.runtime,
    async (encode) => [
      ...conditions,
      ...(family.embedsGuidance ? await otherScales(encode, asCalibrated) : []),
      ...(family.takesText ? await otherTexts(encode, asCalibrated, guided) : []),
    ],
    { signal: context.signal },
  );
}

/** The images with other guidance scales, of a model that is told the scale. */
async function otherScales(
  encode: ImageEncoder,
  asCalibrated: Omit<Condition, 'kind' | 'value'>,
): Promise<Condition[]> {
  const conditions: Condition[] = [];
  for (const value of [asCalibrated.guidanceScale / 2, asCalibrated.guidanceScale * 2]) {
    const images: PreparedImage[] = [];
    for (const image of asCalibrated.images) {
      images.push(withText(image, await encode(image, { guidanceScale: value })));
    }
    conditions.push({ ...asCalibrated, kind: 'guidance scale', value, guidanceScale: value, images });
  }
  return conditions;
}

/** The images with a negative prompt, and with other words. */
async function otherTexts(
  encode: ImageEncoder,
  asCalibrated: Omit<Condition, 'kind' | 'value'>,
  guided: boolean,
): Promise<Condition[]> {
  const negative: PreparedImage[] = [];
  const reworded: PreparedImage[] = [];
  for (const image of asCalibrated.images) {
    const { unconditional } = withText(image, await encode(image, { negativePrompt: NEGATIVE_PROMPT }));
    negative.push({ ...image, unconditional });
    const prompt = `${image.prompt}, ${ADDED_WORDS}`;
    const { conditioning } = withText(image, await encode({ ...image, prompt }));
    reworded.push({ ...image, prompt, conditioning });
  }
  const wording: Condition = { ...asCalibrated, kind: 'wording', value: ADDED_WORDS, images: reworded };
  if (!guided) return [wording];
  return [{ ...asCalibrated, kind: 'negative prompt', value: NEGATIVE_PROMPT, images: negative }, wording];
}

/** The same sampler at half and at twice the steps, as far as it can take them. */
function otherSteps(
  { sampler, samplerLayout, recipe }: CalibrationContext,
  { scheduler }: ModelFolder,
): Sampler[] {
  const others = new Set([Math.max(LEAST_STEPS, Math.floor(sampler.steps / 2)), 2 * sampler.steps]);
  return [...others]
    .filter((steps) => steps !== sampler.steps)
    .flatMap((steps) => possibleSampler(scheduler ?? {}, recipe.sampler, steps, samplerLayout) ?? []);
}

/** Pictures of every condition, in their order. */
async function draw(
  context: CalibrationContext,
  conditions: readonly Condition[],
  load: () => Promise<Denoiser>,
): Promise<RgbImage[][]> {
  const denoiser = await load();
  const total = conditions.reduce((sum, { images }) => sum + images.length, 0);
  let done = 0;
  try {
    const all: RgbImage[][] = [];
    for (const { guidanceScale, sampler, images } of conditions) {
      const pictures: RgbImage[] = [];
      for (const image of images) {
        const { latents } = await sampleImage({ ...context, guidanceScale, sampler }, denoiser, image);
        pictures.push(await context.toPicture(latents));
        context.onProgress?.(++done, total);
      }
      all.push(pictures);
    }
    return all;
  } finally {
    await denoiser.dispose();
  }
}
