import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { readText } from '@cachequant/tensor';
import type { GoldenPicture } from '../__fixtures__/family-case.js';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { modelStorage } from '../__fixtures__/models.js';
import { calibrationPicture } from '../prepare/calibration-pictures.js';

const MODEL = 'tiny/sd-inpainting';
const SIZE = { width: 32, height: 32 };

describeFamily({
  id: 'inpainting',
  family: 'Stable Diffusion for inpainting, 9 channels',
  pipeline: 'StableDiffusionInpaintPipeline',
  asks: 'prompt, picture and mask',
  source: modelStorage(MODEL),
  golden: await golden(),
  options: { guidanceScale: 3, prompts: ['a red shoe', 'a fox on green'] },
  requestOf: ({ prompt, seed }) => ({ prompt, seed, ...calibrationPicture(seed, SIZE) }),
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a picture',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), { prompt: 'a fox' }),
      error: /image: there is no picture to change \(expected image and mask/,
    },
    {
      what: 'a picture without a mask',
      run: ({ source, runtime }) =>
        generateOnce(createGenerator({ storage: source, runtime }), {
          prompt: 'a fox',
          image: calibrationPicture(1, SIZE).image,
        }),
      error: /the mask is missing/,
    },
    {
      what: 'a mask of another size than the picture',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a fox',
          image: calibrationPicture(1, SIZE).image,
          mask: calibrationPicture(1, { width: 16, height: 32 }).mask,
        }),
      error: /differs from the size of the picture/,
    },
  ],
});

/** The picture and the mask of models/tiny/make-image-pipelines.py. */
function pictures() {
  const drawn = (colourOf: (x: number, y: number) => readonly number[]) => ({
    ...SIZE,
    rgb: Uint8Array.from(
      Array.from({ length: 32 * 32 }, (_, i) => colourOf(i % 32, Math.floor(i / 32))).flat(),
    ),
  });
  return {
    image: drawn((x, y) => [8 * x, 8 * y, 4 * (x + y)]),
    mask: drawn((x, y) => new Array<number>(3).fill(x > 12 && y < 20 ? 255 : 0)),
  };
}

async function golden(): Promise<GoldenPicture[]> {
  const cases = JSON.parse(
    await readText(modelStorage(MODEL), 'inpainting.json'),
  ) as (GoldenPicture['request'] & Omit<GoldenPicture, 'request'>)[];
  return cases.map(({ latents, picture, ...request }) => ({
    request: { ...request, ...pictures() },
    latents,
    ...(picture && { picture }),
  }));
}
