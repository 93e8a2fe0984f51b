import { createGenerator } from '@cachequant/pipeline';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { goldenOf } from '../__fixtures__/golden-pictures.js';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';

const SIDE = Array.from({ length: 32 }, (_, i) => i);

/** What models/tiny/make-few-step.py begins with. */
const image = {
  width: SIDE.length,
  height: SIDE.length,
  rgb: Uint8Array.from(SIDE.flatMap((y) => SIDE.flatMap((x) => [8 * x, 8 * y, 4 * (x + y)]))),
};
const golden = await goldenOf('tiny/sdxl-refiner');

describeFamily({
  id: 'sdxl-refiner',
  family: 'Stable Diffusion XL, refiner',
  pipeline: 'StableDiffusionXLImg2ImgPipeline',
  asks: 'prompt, negative prompt, picture',
  source: modelStorage('tiny/sdxl-refiner'),
  golden: golden.map(({ request, ...made }) => ({ request: { ...request, image }, ...made })),
  options: { guidanceScale: 5, prompts: ['a red shoe', 'a fox on green'] },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a prompt',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), { image }),
      error: /prompt/,
    },
    {
      what: 'a folder without its text encoder',
      run: async ({ runtime }) => {
        const parts = ['config.json', 'model.safetensors'].map((name) => `text_encoder_2/${name}`);
        const without = Object.fromEntries(parts.map((path) => [path, undefined]));
        return createGenerator({ storage: await modelCopy('tiny/sdxl-refiner', without), runtime });
      },
      error: /text_encoder_2\/: the model lacks a part/,
    },
  ],
});
