import { fileURLToPath } from 'node:url';
import {
  createBundleGenerator,
  createGenerator,
  floatDenoiser,
  type GeneratedImage,
  type GenerationRequest,
  type Generator,
  initialNoise,
  loadGraph,
  openModelFolder,
} from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Storage, tensor } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CACHE_NAME, type PreparedImage, runGraph, withGraphs } from '../calibration-context.js';
import { type OptimizationWithModel, optimize, optimizeKeepingModel } from '../optimize.js';
import type { OptimizeOptions } from '../recipe.js';
import { FLOAT_CACHED, FLOAT_FULL } from '../work/graph-files.js';
import type { FamilyCase } from './family-case.js';
import { familyRow } from './family-row.js';

/** Every layer in integers, whatever measures faster here, so that each machine makes the same bundle. */
const FAMILY_RUN = {
  steps: 6,
  interval: 2,
  calibrationImages: 2,
  verificationImages: 2,
  offCalibrationImages: 0,
  schedule: 'forecast-dp',
  layers: 'all',
  components: 'keep',
  floatGraphs: 'never',
} as const satisfies OptimizeOptions;

const OPTIMIZE_MS = 240_000;

/**
 * What every family has to do: draw what diffusers draws, be cut exactly, make a bundle that draws what was verified,
 * resume, and refuse wrong input. The last test writes the family's row of docs/models.md: `npx vitest run <test> -u` takes
 * up a new one, `npm run readme` puts it into the table.
 */
export function describeFamily(family: FamilyCase): void {
  const { source, requestOf = promptAndSeed, controlImages } = family;
  const given = controlImages && { controlImages };
  const options: OptimizeOptions = { ...FAMILY_RUN, ...family.options };
  describe(`${family.family}, from folder to bundle to picture`, { timeout: OPTIMIZE_MS }, () => {
    const [work, bundle] = [memoryStorage(), memoryStorage()];
    let runtime: Runtime;
    let made: OptimizationWithModel;
    beforeAll(async () => {
      runtime = await createNodeRuntime({ threads: 1 });
      made = await optimizeKeepingModel({ source, work, out: bundle, runtime, options, ...given });
    }, OPTIMIZE_MS);
    afterAll(() => runtime.dispose());

    it.each(family.golden)('draws what diffusers draws: $request', async ({ request, latents, picture }) => {
      const [image] = await generateOnce(createGenerator({ storage: source, runtime }), request);
      expect(image!.latents.data).toHaveLength(latents.length);
      expect(largestDifference(image!.latents.data, latents)).toBeLessThan(1e-3 * deviation(latents));
      if (picture) expect(largestDifference(image!.rgb, picture)).toBeLessThanOrEqual(1);
    });

    it('is cut exactly: both halves together compute what the whole does', async () => {
      const { whole, full, cached } = await predictions(made, source, runtime);
      const largest = Math.max(...whole.map(Math.abs));
      expect(largest).toBeGreaterThan(0);
      expect(largestDifference(full, whole)).toBeLessThan(1e-5 * largest);
      expect(largestDifference(cached, whole)).toBeLessThan(1e-5 * largest);
    });

    it('opens as a bundle, which draws what was verified', async () => {
      const { pictures, verification } = made.summary;
      const generator = await createBundleGenerator({ storage: bundle, runtime });
      try {
        for (const [i, { optimized }] of pictures.entries()) {
          const [image] = (await generator.generate(requestOf(made.calibrated.context.verification[i]!)))
            .images;
          expect(largestDifference(image!.rgb, optimized.rgb)).toBeLessThanOrEqual(1);
        }
      } finally {
        await generator.dispose();
      }
      expect(verification.psnr).toBeGreaterThan(family.leastPsnr);
    });

    it('resumes: with the same options, only the bundle is written again', async () => {
      const made: string[] = [];
      const onStage = ({ id }: { id: string }, reused: boolean) => reused || made.push(id);
      await optimize({ source, work, out: memoryStorage(), runtime, options, onStage, ...given });
      expect(made).toEqual(['bundle']);
    });

    it.each(family.refusals)('refuses $what', async ({ run, error }) => {
      await expect(run({ source, bundle, runtime })).rejects.toThrow(error);
    });

    it('has a row in docs/models.md', async () => {
      const file = new URL(`../../results/families/${family.id}.json`, import.meta.url);
      const row = await familyRow(file, family, made.summary);
      await expect(`${JSON.stringify(row, null, 2)}\n`).toMatchFileSnapshot(fileURLToPath(file));
    });
  });
}

const promptAndSeed = ({ prompt, seed, controlImage }: PreparedImage): GenerationRequest => ({
  ...(prompt && { prompt }),
  ...(controlImage && { controlImage }),
  seed,
});

type Computed = Record<'whole' | 'full' | 'cached', Float32Array>;

/** The prediction of the first verified image's first call, by the model itself and by the graphs of its cut. */
async function predictions(
  { calibrated: { context } }: OptimizationWithModel,
  source: Storage,
  runtime: Runtime,
): Promise<Computed> {
  const { seed, conditioning } = context.verification[0]!;
  const { noise } = initialNoise([seed], context.latentDims);
  const scaled = context.sampler.modelInput(context.sampler.start(noise.data));
  const sample = tensor('float32', noise.dims, scaled);
  const call = { call: 0, timestep: context.sampler.timesteps[0]!, sample, conditioning };
  const folder = await openModelFolder(source);
  const original = floatDenoiser(await loadGraph(runtime, folder.storage, folder.denoiser.model));
  try {
    const whole = await original.predict(call);
    return await withGraphs(context, { full: FLOAT_FULL, cached: FLOAT_CACHED }, async (graphs) => {
      const full = await runGraph(context, graphs.full, call, [context.output, CACHE_NAME]);
      const features = { [CACHE_NAME]: full[CACHE_NAME]! };
      const cached = await runGraph(context, graphs.cached, call, [context.output], features);
      return { whole: whole.data, full: full[context.output]!.data, cached: cached[context.output]!.data };
    });
  } finally {
    await original.dispose();
  }
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), 0);
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** A generator that makes one request's pictures, and is freed. */
export async function generateOnce(
  opened: Promise<Generator>,
  request: GenerationRequest,
): Promise<readonly GeneratedImage[]> {
  const generator = await opened;
  try {
    return (await generator.generate(request)).images;
  } finally {
    await generator.dispose();
  }
}
