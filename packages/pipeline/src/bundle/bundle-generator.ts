import { CacheQuantError, type Runtime, type Storage, type Tensor } from '@cachequant/tensor';
import type { ConditioningFamily } from '../conditioning/conditioning-encoder.js';
import { familyOfRecipe } from '../conditioning/recipe/recipe-family.js';
import { withInputs } from '../conditioning/recipe/with-inputs.js';
import type { Denoiser } from '../denoise/denoiser.js';
import { loadCachedDenoiser } from '../denoise/load-cached-denoiser.js';
import {
  createGenerator,
  type Generator,
  type GeneratorOptions,
  type ResolvedRequest,
} from '../generate/generator.js';
import { type CalibratedSampler, calibratedSampler } from './calibrated-sampler.js';
import type { BundleManifest, BundleVariant } from './manifest.js';
import { offCalibrationWarnings } from './off-calibration.js';
import { type OpenBundleOptions, openChecked } from './open-bundle.js';

/** How a bundle is opened and run; `precision` takes its float graphs in place of the integer ones. */
export interface BundleGeneratorOptions extends OpenBundleOptions {
  /** Takes the graphs that compute in float in this precision; left out: those of the bundle itself. */
  readonly precision?: BundleVariant['precision'] | undefined;
  /** What these inputs of the denoiser take in all pictures, numbers or tensors [1, …], in place of what the manifest says. */
  readonly inputs?: Readonly<Record<string, Tensor | number>> | undefined;
}

/**
 * The graphs of a bundle in a precision.
 * @throws CacheQuantError `bundle` when it has none
 */
export function variantOf(
  { denoiser }: BundleManifest,
  precision: BundleVariant['precision'],
): BundleVariant {
  const found = denoiser.variants.find((variant) => variant.precision === precision);
  if (found) return found;
  throw new CacheQuantError('bundle', 'the bundle has no graphs in this precision', {
    where: 'precision',
    expected: denoiser.variants.map((variant) => variant.precision).join(' or ') || 'none: leave it out',
    got: precision,
    hint: 'Optimize the model again with this version.',
  });
}

/**
 * Loads a bundle for making images: like a model folder, with the denoiser cached and in integers.
 * @throws CacheQuantError `bundle` when it is damaged; a request with another size than the bundle was made for, or
 * with another sampler that makes another number of network calls, is refused; other steps of the same sampler and
 * other guidance scales are warned about
 */
export async function createBundleGenerator(
  options: Omit<
    GeneratorOptions,
    'loadDenoiser' | 'decoderGraph' | 'afterLoad' | 'beforeRun' | 'sampleSize'
  > &
    BundleGeneratorOptions,
): Promise<Generator> {
  const { storage, manifest, requireUnchanged } = await openChecked(options.storage, options);
  const { sampler, guidanceScale, schedule } = manifest;
  const calibrated = await calibratedSampler(storage, manifest);
  const variant = options.precision && variantOf(manifest, options.precision);
  const generator = await createGenerator({
    ...options,
    storage,
    prompts: { ...manifest.prompts, ...options.prompts },
    // What the bundle says of itself, unless a family is given that knows better.
    families: [...(options.families ?? []), ...describedFamily(manifest, options.inputs)],
    defaults: {
      steps: sampler.steps,
      guidanceScale,
      sampler: calibrated?.name ?? sampler.name,
      controlScale: manifest.calibration?.controlScale,
      timesteps: schedule.timesteps,
      ...options.defaults,
    },
    beforeRun: (plan) => checkPlan(manifest, plan, calibrated),
    loadDenoiser: ({ storage }, runtime) => loadServing(storage, runtime, manifest, { variant, calibrated }),
    decoderGraph: variant?.vaeDecoder,
    afterLoad: requireUnchanged,
    sampleSize: [manifest.latentDims[1]!, manifest.latentDims[2]!],
  });
  try {
    // What was loaded is what was checked: nothing has been put in its place in between.
    await requireUnchanged();
    return generator;
  } catch (error) {
    await generator.dispose();
    throw error;
  }
}

function describedFamily(
  { conditioning }: BundleManifest,
  inputs: BundleGeneratorOptions['inputs'],
): readonly ConditioningFamily[] {
  if (conditioning) {
    const family = familyOfRecipe(conditioning);
    return [inputs ? withInputs(family, inputs) : family];
  }
  if (inputs === undefined) return [];
  throw new CacheQuantError('bundle', 'the manifest does not say where inputs come from', {
    where: 'inputs',
    hint: 'Optimize the model again with this version',
  });
}

/** Which graphs of a bundle to load, and what its calls were calibrated for. */
interface Serving {
  readonly variant: BundleVariant | undefined;
  readonly calibrated: CalibratedSampler | undefined;
}

/** The denoiser of a bundle, for a sampling loop of your own; `forTimesteps` serves other calls than calibrated. */
export async function loadBundleDenoiser(
  storage: Storage,
  runtime: Runtime,
  manifest: BundleManifest,
  variant?: BundleVariant,
): Promise<Denoiser> {
  return loadServing(storage, runtime, manifest, {
    variant,
    calibrated: await calibratedSampler(storage, manifest),
  });
}

function loadServing(
  storage: Storage,
  runtime: Runtime,
  { denoiser, schedule, corrections }: BundleManifest,
  { variant, calibrated }: Serving,
): Promise<Denoiser> {
  const { full, cached } = variant ?? denoiser;
  return loadCachedDenoiser(runtime, storage, {
    full: full.file,
    cached: cached.file,
    refreshCalls: schedule.refreshCalls,
    conditionalRefreshes: schedule.conditionalRefreshes,
    calibratedTimesteps: calibrated?.sampler.timesteps,
    anchors: variant?.anchors ?? corrections.anchors,
    guidance: corrections.guidance,
    guidanceExtrapolation: corrections.guidanceExtrapolation,
    // It was fitted to what integers round.
    smoothing: variant ? undefined : corrections.smoothing,
  });
}

/** Refuses what the tables cannot serve, and warns of what they were not fitted for. */
function checkPlan(
  manifest: BundleManifest,
  plan: ResolvedRequest,
  calibrated: CalibratedSampler | undefined,
): string[] {
  const { sampler } = manifest;
  const isOwn = isOwnRun(manifest, plan);
  const isOtherSteps = plan.sampler.name === sampler.name && plan.sampler.steps !== sampler.steps;
  if (plan.sampler.calls !== sampler.calls && !(isOtherSteps && calibrated)) {
    throw new CacheQuantError('bundle', 'the bundle was made for another sampler', {
      where: 'sampler',
      expected: `${sampler.name}, or ${sampler.calls} network calls as in its ${sampler.steps} steps`,
      got: `${plan.sampler.steps} steps of ${plan.sampler.name} (${plan.sampler.calls} network calls)`,
      hint: 'Omit the sampler, or optimize the model with it.',
    });
  }
  const warnings: string[] = [];
  if (plan.sampler.name !== sampler.name) {
    warnings.push(
      `The bundle was calibrated with ${sampler.name}; with ${plan.sampler.name} its quality was not measured.`,
    );
  }
  const { steps } = sampler;
  return [
    ...warnings,
    ...offCalibrationWarnings(manifest, isOwn ? { ...plan, sampler: { name: sampler.name, steps } } : plan),
  ];
}

/** Whether a run makes the calls that the bundle's schedule lists. */
function isOwnRun({ sampler, schedule }: BundleManifest, plan: ResolvedRequest): boolean {
  return plan.sampler.name === sampler.name && `${plan.sampler.timesteps}` === `${schedule.timesteps}`;
}
