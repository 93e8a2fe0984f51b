import { CacheQuantError, type Runtime, type Storage } from '@cachequant/tensor';
import type { Denoiser } from '../generate/denoiser.js';
import {
  createGenerator,
  type GenerationPlan,
  type Generator,
  type GeneratorOptions,
} from '../generate/generator.js';
import { loadCachedDenoiser } from '../generate/load-cached-denoiser.js';
import type { BundleManifest } from './manifest.js';
import { type OpenBundleOptions, openBundle } from './open-bundle.js';

/**
 * Loads a bundle for making images: like a model folder, with the denoiser cached and in integers.
 * @throws CacheQuantError `bundle` when it is damaged; a request with another number of network calls or
 * another size than the bundle was made for is refused, another sampler or guidance scale warned about
 */
export async function createBundleGenerator(
  options: Omit<GeneratorOptions, 'loadDenoiser' | 'beforeRun'> & OpenBundleOptions,
): Promise<Generator> {
  const { manifest } = await openBundle(options.storage, options);
  const { sampler, guidanceScale } = manifest;
  return createGenerator({
    ...options,
    defaults: { steps: sampler.steps, guidanceScale, sampler: sampler.name, ...options.defaults },
    beforeRun: (plan) => checkPlan(manifest, plan),
    loadDenoiser: (folder, runtime) => loadBundleDenoiser(folder.storage, runtime, manifest),
  });
}

/** The denoiser of a bundle, for a sampling loop of one's own. */
export function loadBundleDenoiser(
  storage: Storage,
  runtime: Runtime,
  { denoiser, schedule, corrections }: BundleManifest,
): Promise<Denoiser> {
  return loadCachedDenoiser(runtime, storage, {
    full: denoiser.full.file,
    cached: denoiser.cached.file,
    refreshSteps: schedule.refreshSteps,
    anchors: corrections.anchors,
  });
}

/** Refuses what the tables cannot serve, and warns of what they were not fitted for. */
function checkPlan({ sampler, guidanceScale }: BundleManifest, plan: GenerationPlan): string[] {
  if (plan.sampler.calls !== sampler.calls) {
    throw new CacheQuantError('bundle', 'the bundle was made for another number of steps', {
      where: 'steps',
      expected: `${sampler.steps} steps of ${sampler.name} (${sampler.calls} network calls)`,
      got: `${plan.sampler.steps} steps of ${plan.sampler.name} (${plan.sampler.calls} network calls)`,
      hint: 'Leave out steps and sampler, or optimize the model with these.',
    });
  }
  const warnings: string[] = [];
  if (plan.sampler.name !== sampler.name) {
    warnings.push(
      `The bundle was calibrated with ${sampler.name}; with ${plan.sampler.name} its quality was not measured.`,
    );
  }
  if (plan.guidanceScale !== guidanceScale) {
    warnings.push(
      `The bundle was calibrated at guidance scale ${guidanceScale}; at ${plan.guidanceScale} its quality was not measured.`,
    );
  }
  return warnings;
}
