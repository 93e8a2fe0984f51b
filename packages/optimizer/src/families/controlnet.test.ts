import { createBundleGenerator, createGenerator, type GenerationRequest } from '@cachequant/pipeline';
import { readText } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { tinyControl } from '../../../pipeline/src/__fixtures__/tiny-pictures.js';
import type { FamilyCase, GoldenPicture } from '../__fixtures__/family-case.js';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { controlledStorage, modelStorage } from '../__fixtures__/models.js';
import { optimize } from '../optimize.js';

const REQUEST: GenerationRequest = { prompt: 'a fox', controlImage: tinyControl };
const CONTROL = { width: 16, height: 32, rgb: new Uint8Array(3 * 16 * 32) };
const options = { guidanceScale: 5, prompts: ['a red shoe', 'a fox on green'] };

const refusals: FamilyCase['refusals'] = [
  {
    what: 'a request without a control image',
    run: ({ bundle, runtime }) =>
      generateOnce(createBundleGenerator({ storage: bundle, runtime }), { prompt: 'a fox' }),
    error: /controlImage: the control image is missing/,
  },
  {
    what: 'a control image of another size than the picture',
    run: ({ source, runtime }) =>
      generateOnce(createGenerator({ storage: source, runtime }), {
        ...REQUEST,
        controlImage: CONTROL,
        width: 32,
        height: 32,
      }),
    error: /controlImage width: the control image has another size than the picture/,
  },
  {
    what: 'a ControlNet that is followed at no time',
    run: ({ source, runtime }) =>
      generateOnce(createGenerator({ storage: source, runtime }), {
        ...REQUEST,
        controlStart: 0.5,
        controlEnd: 0.5,
      }),
    error: /followed at no time/,
  },
  {
    what: 'calibration without control images',
    run: ({ source, runtime }) =>
      optimize({ source, work: memoryStorage(), out: memoryStorage(), runtime, options }),
    error: /the control images to calibrate with are missing/,
  },
];

describeFamily({
  id: 'controlnet',
  family: 'Stable Diffusion with a ControlNet',
  pipeline: 'StableDiffusionControlNetPipeline',
  asks: 'prompt, negative prompt, control image',
  source: await controlledStorage('tiny/sd', 'tiny/controlnet'),
  golden: await golden('tiny/controlnet'),
  options,
  controlImages: async () => [tinyControl],
  leastPsnr: 25,
  refusals: [
    ...refusals,
    {
      what: 'a control image for a model without a ControlNet',
      run: ({ runtime }) =>
        generateOnce(createGenerator({ storage: modelStorage('tiny/sd'), runtime }), REQUEST),
      error: /controlImage: the model follows no ControlNet/,
    },
    {
      what: "another version's ControlNet",
      run: async ({ runtime }) =>
        createGenerator({ storage: await controlledStorage('tiny/sd', 'tiny/controlnet-sdxl'), runtime }),
      error: /the ControlNet takes what the denoiser is not given .*got text_embeds, time_ids/,
    },
  ],
});

describeFamily({
  id: 'controlnet-sdxl',
  family: 'Stable Diffusion XL with a ControlNet',
  pipeline: 'StableDiffusionXLControlNetPipeline',
  asks: 'prompt, negative prompt, control image',
  source: await controlledStorage('tiny/sdxl', 'tiny/controlnet-sdxl'),
  golden: await golden('tiny/controlnet-sdxl'),
  options: { ...options, controlScale: 0.7 },
  controlImages: async () => [tinyControl],
  leastPsnr: 25,
  refusals,
});

async function golden(folder: string): Promise<GoldenPicture[]> {
  const cases = JSON.parse(await readText(modelStorage(folder), 'golden.json')) as (GoldenPicture['request'] &
    Omit<GoldenPicture, 'request'>)[];
  return cases.map(({ latents, picture, ...request }) => ({
    request: { ...request, controlImage: tinyControl },
    latents,
    ...(picture && { picture }),
  }));
}
