import { createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { defineSampler, linearCombination } from '@cachequant/samplers';
import { z } from 'zod';

/**
 * Euler's method in the noise-to-signal ratio σ, for models that predict the noise: x/√ᾱ changes by dσ · noise. That
 * is DDIM without new noise (Song et al., https://arxiv.org/abs/2010.02502, eq. 14).
 */
export const ratioEuler = defineSampler({
  name: 'RatioEulerScheduler',
  shortNames: ['ratio-euler'],
  schema: z.object({
    num_train_timesteps: z.int().default(1000),
    beta_start: z.number(),
    beta_end: z.number(),
    steps_offset: z.int().default(0),
  }),
  create({ num_train_timesteps: trained, beta_start, beta_end, steps_offset }, { steps }) {
    const stride = Math.floor(trained / steps);
    const timesteps = Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + steps_offset);
    const alphaBars: number[] = [];
    for (let t = 0; t < trained; t++) {
      const root =
        Math.sqrt(beta_start) + (t / (trained - 1)) * (Math.sqrt(beta_end) - Math.sqrt(beta_start));
      alphaBars.push((alphaBars.at(-1) ?? 1) * (1 - root ** 2));
    }
    const levelAt = (timestep: number) => {
      const alphaBar = alphaBars[timestep] ?? alphaBars[0]!;
      return { signal: Math.sqrt(alphaBar), ratio: Math.sqrt((1 - alphaBar) / alphaBar) };
    };
    return {
      timesteps,
      predictionType: 'epsilon',
      lookback: 0,
      advance({ call, sample }, { prediction }) {
        const now = levelAt(timesteps[call]!);
        const next = levelAt(timesteps[call]! - stride);
        return {
          sample: linearCombination(
            [next.signal / now.signal, sample],
            [next.signal * (next.ratio - now.ratio), prediction],
          ),
        };
      },
    };
  },
});

const [model = 'models/fashion-sd'] = process.argv.slice(2);
const runtime = await createNodeRuntime();
const generator = await createGenerator({
  storage: nodeStorage(model),
  runtime,
  samplers: [ratioEuler],
});
export const { images } = await generator.generate({
  prompt: 'a photo of a red sneaker',
  sampler: 'ratio-euler',
  seed: 7,
  steps: 4,
  guidanceScale: 4,
});
console.log(`${images[0]!.width}×${images[0]!.height} pixels by ${ratioEuler.name}`);
await generator.dispose();
await runtime.dispose();
