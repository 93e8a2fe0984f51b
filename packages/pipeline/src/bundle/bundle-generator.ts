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
import { chooseSize, DenoiserShelf } from '../generate/sized-denoisers.js';
import { vaeFactor } from '../images/vae-factor.js';
import { type ModelFolder, openModelFolder } from '../model/model-folder.js';
import { graphsOf, latentSizes, sizeMissing } from './bundle-sizes.js';
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
  /** The picture size, in pixels, that is loaded first and that requests without one have; left out: the calibrated one. */
  readonly size?: { readonly width?: number | undefined; readonly height?: number | undefined } | undefined;
  /** How many sizes may be in memory at once; 1 when left out. */
  readonly keepSizes?: number | undefined;
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
    'loadDenoiser' | 'decoderGraph' | 'afterLoad' | 'beforeRun' | 'sampleSize' | 'sizedDenoisers'
  > &
    BundleGeneratorOptions,
): Promise<Generator> {
  const { storage, manifest, requireUnchanged } = await openChecked(options.storage, options);
  const { sampler, guidanceScale, schedule } = manifest;
  const calibrated = await calibratedSampler(storage, manifest);
  const variant = options.precision && variantOf(manifest, options.precision);
  const factor = pixelsPerLatent(await openModelFolder(storage));
  const all = latentSizes(manifest);
  const refuse = (asked: { width: number; height: number }): never => {
    throw sizeMissing(manifest, factor, asked);
  };
  const load = (size: number) =>
    loadServing(storage, options.runtime, manifest, { variant, calibrated, size });
  const shelf = new DenoiserShelf(load, options.keepSizes);
  const first = chooseSize({ sizes: all, load, refuse }, factor, options.size ?? {});
  // The first one is what requests get that ask for none.
  const order = [first, ...[...all.keys()].filter((size) => size !== first)];
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
    loadDenoiser: async () => ownedBy(shelf, await shelf.use(first)),
    sizedDenoisers: {
      sizes: order.map((size) => all[size]!),
      refuse,
      async load(size) {
        const denoiser = await shelf.use(order[size]!);
        await requireUnchanged();
        return denoiser;
      },
    },
    decoderGraph: variant?.vaeDecoder,
    afterLoad: requireUnchanged,
    sampleSize: all[first],
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
  /** The number of the picture size; 0 is the calibrated one. */
  readonly size: number;
}

/** A denoiser whose sessions the shelf frees, which may have loaded another by then. */
function ownedBy(shelf: DenoiserShelf, denoiser: Denoiser): Denoiser {
  const dispose = { value: () => shelf.dispose(), enumerable: true };
  return Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(denoiser), dispose }) as Denoiser;
}

function pixelsPerLatent({ vaeDecoder }: ModelFolder): number {
  return vaeDecoder ? vaeFactor(vaeDecoder.config) : 1;
}

/**
 * The denoiser of a bundle, for a sampling loop of your own; `forTimesteps` serves other calls than calibrated.
 * @param size the number of the picture size: 0, or from 1 that of the manifest's `sizes`
 */
export async function loadBundleDenoiser(
  storage: Storage,
  runtime: Runtime,
  manifest: BundleManifest,
  variant?: BundleVariant,
  size = 0,
): Promise<Denoiser> {
  return loadServing(storage, runtime, manifest, {
    size,
    variant,
    calibrated: await calibratedSampler(storage, manifest),
  });
}

function loadServing(
  storage: Storage,
  runtime: Runtime,
  manifest: BundleManifest,
  { variant, calibrated, size }: Serving,
): Promise<Denoiser> {
  const { schedule, corrections } = manifest;
  const { full, cached } = graphsOf(manifest, size, variant);
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
