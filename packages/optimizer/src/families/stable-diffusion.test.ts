import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { readText } from '@cachequant/tensor';
import type { GoldenPicture } from '../__fixtures__/family-case.js';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { modelStorage } from '../__fixtures__/models.js';

describeFamily({
  id: 'stable-diffusion',
  family: 'Stable Diffusion 1.x',
  pipeline: 'StableDiffusionPipeline',
  asks: 'prompt, negative prompt',
  source: modelStorage('fashion-sd'),
  golden: await shortRuns(),
  options: {
    steps: 8,
    sampler: 'DPMSolverMultistepScheduler',
    guidanceScale: 4,
    prompts: ['a red sneaker', 'a blue dress'],
  },
  leastPsnr: 25,
  refusals: [
    {
      what: 'a request without a prompt',
      run: ({ source, runtime }) => generateOnce(createGenerator({ storage: source, runtime }), {}),
      error: /prompt/,
    },
    {
      what: 'another sampler than the bundle has, where it makes other calls',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), {
          prompt: 'a red sneaker',
          sampler: 'HeunDiscreteScheduler',
        }),
      error: /made for another sampler/,
    },
  ],
});

interface Run extends Record<'prompt' | 'negativePrompt' | 'scheduler', string> {
  readonly seed: number;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly schedulerConfig: Readonly<Record<string, unknown>>;
  readonly latentsAfterCall: Readonly<Record<string, readonly number[]>>;
}

/** The shorter ones of `fixtures/golden/fashion-sd.json`, whose pictures a test of their own compares. */
async function shortRuns(): Promise<GoldenPicture[]> {
  const text = await readText(modelStorage('../fixtures/golden'), 'fashion-sd.json');
  const { cases } = JSON.parse(text.replaceAll('-Infinity', 'null')) as { cases: readonly Run[] };
  return cases
    .filter(({ steps }) => steps < 20)
    .map(({ prompt, negativePrompt, scheduler, seed, steps, guidanceScale, ...run }) => ({
      request: {
        prompt,
        negativePrompt,
        seed,
        steps,
        guidanceScale,
        sampler: scheduler,
        // What the model's own configuration sets otherwise.
        samplerOverrides:
          scheduler === 'DPMSolverMultistepScheduler'
            ? {
                timestep_spacing: run.schedulerConfig.timestep_spacing,
                steps_offset: run.schedulerConfig.steps_offset,
              }
            : {},
      },
      latents: Object.values(run.latentsAfterCall).at(-1)!,
    }));
}
