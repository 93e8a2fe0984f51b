import { CacheQuantError } from '@cachequant/tensor';
import type { GenerationRequest } from './generation-request.js';
import type { GenerationResult, Generator } from './generator.js';
import type { RunTiming } from './run-images.js';

/**
 * A generator whose runs begin with one model and end with another, such as the base model of SDXL and its refiner. Both
 * take the same steps; what requests leave out is as the first one says. Disposing it disposes both.
 *
 * Source: Podell et al., SDXL, 2023, section 2.5, https://arxiv.org/abs/2307.01952, as diffusers' ensemble of expert
 * denoisers does it. Differs: the first model's latents are decoded too.
 * @param start share of the noise that `base` removes, above 0 and below 1; 0.8 unless given
 * @throws CacheQuantError `invalid-argument`
 */
export function withRefiner(base: Generator, refiner: Generator, start = 0.8): Generator {
  if (!(start > 0 && start < 1)) {
    throw new CacheQuantError('invalid-argument', 'the refiner would make no part of a run, or all of it', {
      where: 'start',
      expected: 'a number above 0, below 1',
      got: String(start),
    });
  }
  async function generate(request: GenerationRequest): Promise<GenerationResult> {
    const begun = await base.generate({ ...request, denoisingEnd: start });
    const { negativePrompt, samplerOverrides, strict, sampler, signal, onStep } = request;
    const asked = { negativePrompt, samplerOverrides, strict, sampler, signal, onStep };
    const results: GenerationResult[] = [];
    for (const { prompt, seed, width, height, latents } of begun.images) {
      const fields = {
        ...asked,
        ...{ prompt, seed, width, height, latents },
        steps: request.steps ?? base.defaults.steps,
        guidanceScale: request.guidanceScale ?? base.defaults.guidanceScale,
        denoisingStart: start,
      };
      const given = Object.entries(fields).filter(([, value]) => value !== undefined);
      results.push(await refiner.generate(Object.fromEntries(given)));
    }
    return joined(begun, results);
  }
  return {
    ...base,
    generate,
    async dispose() {
      await Promise.all([base.dispose(), refiner.dispose()]);
    },
  };
}

function joined(begun: GenerationResult, ended: readonly GenerationResult[]): GenerationResult {
  const all = [begun, ...ended];
  const runs: RunTiming[] = all.flatMap(({ timings }) => timings.runs);
  const sum = (of: (timings: GenerationResult['timings']) => number) =>
    all.reduce((total, { timings }) => total + of(timings), 0);
  return {
    images: ended.flatMap(({ images }) => images),
    warnings: [...new Set(all.flatMap(({ warnings }) => warnings))],
    timings: {
      textEncoderMs: sum(({ textEncoderMs }) => textEncoderMs),
      runs: [joinedRuns(runs, ended.length)],
      totalMs: sum(({ totalMs }) => totalMs),
    },
  };
}

/** What the pictures took in both models. */
function joinedRuns(runs: readonly RunTiming[], images: number): RunTiming {
  return {
    images,
    calls: runs.flatMap(({ calls }) => calls),
    decoderMs: runs.reduce((total, { decoderMs }) => total + decoderMs, 0),
    totalMs: runs.reduce((total, { totalMs }) => total + totalMs, 0),
  };
}
