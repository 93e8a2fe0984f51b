import { interval95, meanOf, psnr } from '@cachequant/evaluate';
import {
  type CalibratedModel,
  type CalibrationContext,
  calibrateModel,
  chooseVariant,
  FLOAT_FULL,
  INTEGER_FULL,
  loadVariant,
  measureImage,
  type OpenCalibrationContext,
  type Variant,
} from '@cachequant/optimizer/experiments';
import type { RgbImage } from '@cachequant/pipeline';
import type { W4a8Row } from './results.js';
import type { WeightVariant } from './variants.js';

/** PSNR of identical pictures, so that means stay finite. */
const MAX_PSNR = 100;

/** Pictures of the held-out images by a variant. */
async function heldOutPictures(context: CalibrationContext, variant: Variant): Promise<RgbImage[]> {
  const denoiser = await loadVariant(context, variant);
  try {
    const pictures: RgbImage[] = [];
    for (const image of context.verification)
      pictures.push((await measureImage(context, denoiser, image)).picture);
    return pictures;
  } finally {
    await denoiser.dispose();
  }
}

/** Optimizes with one kind of weights and compares its pictures with the original's, with and without the cache. */
export async function measureVariant(
  { context, runner, inputDims, prepared }: OpenCalibrationContext,
  { id, label }: WeightVariant,
): Promise<W4a8Row> {
  const calibrated = await calibrateModel(context, runner, { inputDims, model: prepared.model });
  const { variant } = await chooseVariant(calibrated);
  return runner.stage({ kind: 'experiment', name: 'compare' }, async () => {
    const references = await heldOutPictures(context, { full: FLOAT_FULL });
    const quality = async (compared: Variant) => {
      const pictures = await heldOutPictures(context, compared);
      const images = pictures.map((picture, i) => Math.min(MAX_PSNR, psnr(references[i]!, picture)));
      return {
        psnr: meanOf(images),
        interval: [...interval95(images)] as [number, number],
        images,
        denoiserBytes: await bytesOf(context, compared),
      };
    };
    return {
      id,
      label,
      uncached: calibrated.integers ? await quality({ full: INTEGER_FULL }) : null,
      cached: await quality(variant),
      rounding: roundingOf(calibrated),
    };
  });
}

function roundingOf({ integers }: CalibratedModel): W4a8Row['rounding'] {
  const known = [...(integers?.packed.compute.values() ?? [])].flatMap(({ rounding }) =>
    rounding ? [rounding] : [],
  );
  if (known.length === 0) return null;
  const decibels = (errors: readonly number[]) => meanOf(errors.map((error) => -10 * Math.log10(error)));
  return {
    nearest: decibels(known.map(({ plainError }) => plainError)),
    secondOrder: decibels(known.map(({ error }) => error)),
    layers: known.length,
  };
}

async function bytesOf({ work }: CalibrationContext, { full, cached }: Variant): Promise<number> {
  const files = [full, `${full.split('/')[0]}/weights.bin`, ...(cached ? [cached.graph] : [])];
  let total = 0;
  for (const file of files) total += (await work.stat(file))!.size;
  return total;
}
