import { CacheQuantError } from '@cachequant/tensor';
import { asRecord } from './config.js';
import { ddim } from './ddim.js';
import { ddpm } from './ddpm.js';
import type { SamplerDefinition } from './definition.js';
import { dpmSolver } from './dpm-solver.js';
import { euler } from './euler.js';
import { eulerAncestral } from './euler-ancestral.js';
import { pndm } from './pndm.js';
import { requireFiniteSteps } from './require-finite-steps.js';
import type { Sampler } from './sampler.js';

const DEFINITIONS: readonly SamplerDefinition[] = [ddim, pndm, dpmSolver, euler, eulerAncestral, ddpm];

/** Every sampler there is: the class in diffusers, and the short names that `createSampler` takes for it. */
export const SAMPLER_NAMES: readonly { readonly name: string; readonly shortNames: readonly string[] }[] =
  DEFINITIONS.map(({ name, shortNames }) => ({ name, shortNames }));

export interface SamplerOptions {
  /** Steps of the sampler, from 1 to the configuration's `num_train_timesteps`. */
  readonly steps: number;
  /** A class or short name to use in place of the configuration's own class, with the same noise schedule. */
  readonly sampler?: string;
  /** Configuration fields to set; only fields that the class has. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /**
   * Images in one state, one after another; 1 when left out. It matters for dynamic thresholding and for
   * networks that predict the variance alone.
   */
  readonly images?: number;
}

/**
 * Lays out a run of a sampler.
 * @param config the content of a diffusers `scheduler_config.json`; missing fields have diffusers' defaults, and
 * fields that the class does not know are ignored, as in diffusers
 * @throws CacheQuantError `unsupported` (a class or a field's value that there is none of here),
 * `invalid-argument` (a malformed configuration, a wrong number of steps, a noise schedule that a step divides by zero at)
 * @example createSampler(config, { steps: 20, sampler: 'dpm-solver++' })
 */
export function createSampler(config: unknown, options: SamplerOptions): Sampler {
  const record = asRecord(config);
  const definition = findDefinition(options.sampler ?? record._class_name);
  const images = checkImages(options.images ?? 1);
  checkOverrides(definition, options.overrides ?? {});
  const own = record._class_name === definition.name ? record : convertedConfig(record, definition);
  const named = options.sampler === 'plms' ? { skip_prk_steps: true } : {};
  const sampler = definition.create(
    { ...own, ...named, ...options.overrides },
    { steps: options.steps, images },
  );
  requireFiniteSteps(sampler, images);
  return sampler;
}

function findDefinition(name: unknown): SamplerDefinition {
  const found = DEFINITIONS.find(
    (known) => known.name === name || known.shortNames.some((short) => short === name),
  );
  if (found !== undefined) return found;
  const available = DEFINITIONS.map((known) => `${known.name} (${known.shortNames.join(', ')})`).join(', ');
  if (typeof name === 'string') {
    throw new CacheQuantError('unsupported', `there is no sampler ${JSON.stringify(name)} here`, {
      where: 'createSampler',
      expected: `one of ${available}`,
      hint: 'Choose one of these with the option sampler; the noise schedule is kept',
    });
  }
  throw new CacheQuantError('invalid-argument', 'the configuration does not name its class', {
    where: 'scheduler config',
    expected: `_class_name: one of ${available}`,
    got: JSON.stringify(name),
    hint: 'Name a sampler with the option sampler if the configuration has no _class_name',
  });
}

/**
 * A configuration that was written for another class. Where that class does not clip, this one does not begin
 * to: clipping is right for pixels and wrong for latents, and the default of diffusers is made for pixels.
 */
function convertedConfig(
  record: Record<string, unknown>,
  definition: SamplerDefinition,
): Record<string, unknown> {
  const source = DEFINITIONS.find((known) => known.name === record._class_name);
  const clipsAlready = record._class_name === undefined || source?.fields.includes('clip_sample');
  return definition.fields.includes('clip_sample') && !clipsAlready
    ? { clip_sample: false, ...record }
    : record;
}

function checkOverrides(definition: SamplerDefinition, overrides: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(overrides).find((field) => !definition.fields.includes(field));
  if (unknown === undefined) return;
  throw new CacheQuantError('invalid-argument', `${definition.name} has no field ${unknown}`, {
    where: 'createSampler overrides',
    expected: `one of ${definition.fields.join(', ')}`,
  });
}

function checkImages(images: number): number {
  if (Number.isInteger(images) && images >= 1) return images;
  throw new CacheQuantError('invalid-argument', 'the number of images is not possible', {
    where: 'createSampler',
    expected: 'an integer of at least 1',
    got: String(images),
  });
}
