import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTokenizer } from '../conditioning/read-tokenizer.js';
import type { GenerationStep } from './generation-request.js';
import { createGenerator, type Generator } from './generator.js';

/** What diffusers' StableDiffusionPipeline computed with the same weights. */
interface GoldenCase {
  prompt: string;
  negativePrompt: string;
  seed: number;
  scheduler: string;
  schedulerConfig: Record<string, unknown>;
  steps: number;
  guidanceScale: number;
  inputIds: number[];
  callTimesteps: number[];
  latentsAfterCall: Record<string, number[]>;
  latentNormAfterCall: number[];
  image: string;
}

const ROOT = new URL('../../../../', import.meta.url);
const GOLDEN = new URL('fixtures/golden/', ROOT);
const MODEL = fileURLToPath(new URL('models/fashion-sd', ROOT));
const { cases } = JSON.parse(
  readFileSync(new URL('fashion-sd.json', GOLDEN), 'utf8').replaceAll('-Infinity', 'null'),
) as { cases: GoldenCase[] };

/** Fields that the folder's own scheduler configuration sets otherwise than the case's. */
function overrides({ scheduler, schedulerConfig }: GoldenCase): Record<string, unknown> {
  if (scheduler !== 'DPMSolverMultistepScheduler') return {};
  const { timestep_spacing, steps_offset } = schedulerConfig;
  return { timestep_spacing, steps_offset };
}

function deviation(values: ArrayLike<number>): number {
  const numbers = Array.from(values);
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  return Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length);
}

function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

describe('createGenerator on models/fashion-sd', () => {
  let runtime: Runtime;
  let generator: Generator;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
    generator = await createGenerator({ storage: nodeStorage(MODEL), runtime });
  });
  afterAll(async () => {
    await generator.dispose();
    await runtime.dispose();
  });

  it('tokenizes the prompts as transformers does', async () => {
    const tokenizer = await readTokenizer(nodeStorage(MODEL), 'tokenizer', 16);
    for (const { prompt, inputIds } of cases) expect(tokenizer.encode(prompt).ids).toEqual(inputIds);
  });

  it.each(cases)(
    '$scheduler, $steps steps, guidance $guidanceScale gives what diffusers gives',
    async (golden) => {
      const steps: GenerationStep[] = [];
      const { images, warnings } = await generator.generate({
        prompt: golden.prompt,
        negativePrompt: golden.negativePrompt,
        seed: golden.seed,
        steps: golden.steps,
        guidanceScale: golden.guidanceScale,
        sampler: golden.scheduler,
        samplerOverrides: overrides(golden),
        onStep: (step) => {
          steps.push(step);
        },
      });
      expect(warnings).toEqual([]);
      expect(steps.map((step) => step.timestep)).toEqual(golden.callTimesteps);

      // Rounding of other kernels, carried through up to 51 network calls.
      for (const [call, expected] of Object.entries(golden.latentsAfterCall)) {
        const tolerance = 1e-3 * deviation(expected);
        const { data } = steps[Number(call)]!.latents;
        const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i]!)), 0);
        expect(worst, `latents after call ${call}`).toBeLessThan(tolerance);
      }
      golden.latentNormAfterCall.forEach((expected, call) => {
        const relative = norm(steps[call]!.latents.data) / expected;
        expect(Math.abs(relative - 1), `norm after call ${call}`).toBeLessThan(1e-3);
      });

      const [image] = images;
      const picture = decode(readFileSync(new URL(golden.image, GOLDEN)));
      expect([image!.width, image!.height]).toEqual([picture.width, picture.height]);
      const difference = Array.from(picture.data).reduce(
        (sum, value, i) => sum + Math.abs(value - image!.rgb[i]!),
        0,
      );
      expect(difference / picture.data.length).toBeLessThan(1);
    },
  );
});
