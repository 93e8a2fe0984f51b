import { CacheQuantError } from '@cachequant/tensor';
import { CATALOGUE } from './catalogue.js';
import { asRecord } from './config.js';
import type { SamplerDefinition } from './definition.js';
import { checkKnownFields } from './known-fields.js';
import { requireFiniteSteps } from './require-finite-steps.js';
import { type RunOptions, runRequest } from './run-request.js';
import type { Sampler } from './sampler.js';

/** Every sampler there is: the class in diffusers, and the short names that `createSampler` takes for it. */
export const SAMPLER_NAMES: readonly { readonly name: string; readonly shortNames: readonly string[] }[] =
  CATALOGUE.map(({ name, shortNames }) => ({ name, shortNames }));

/** Number of steps, and what differs from the configuration. */
export interface SamplerOptions extends RunOptions {
  /** A class or short name to use in place of the configuration's own class, with the same noise schedule. */
  readonly sampler?: string | undefined;
  /** Configuration fields to set; only fields that the class has. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  /** Samplers of your own, of `defineSampler`, that configurations and `sampler` may name beside those there are. */
  readonly definitions?: readonly SamplerDefinition[] | undefined;
}

/**
 * Lays out a run of a sampler.
 * @param config the content of a diffusers `scheduler_config.json`; missing fields have diffusers' defaults, and
 * fields of other classes are ignored, as in diffusers
 * @throws CacheQuantError `unsupported` (a class, a field or a field's value that there is none of here, a model that
 * the class does not fit), `invalid-argument` (a malformed configuration, a wrong number of steps, a noise schedule that a
 * step divides by zero at)
 * @example createSampler(config, { steps: 20, sampler: 'dpm-solver++' })
 * @example createSampler(config, { timesteps: 'align-your-steps-sd15' })
 */
export function createSampler(config: unknown, options: SamplerOptions): Sampler {
  const record = asRecord(config);
  const definitions = [...(options.definitions ?? []), ...CATALOGUE];
  const definition = findDefinition(options.sampler ?? record._class_name, definitions);
  const request = runRequest(options);
  checkKnownFields(record, definitions);
  checkOverrides(definition, options.overrides ?? {});
  const own =
    record._class_name === definition.name
      ? record
      : convertedConfig(record, definition, definitions, options);
  const named = options.sampler === 'plms' ? { skip_prk_steps: true } : {};
  const sampler = definition.create({ ...own, ...named, ...options.overrides }, request);
  requireFiniteSteps(sampler, request.images);
  return sampler;
}

function findDefinition(name: unknown, definitions: readonly SamplerDefinition[]): SamplerDefinition {
  const found = definitions.find(
    (known) => known.name === name || known.shortNames.some((short) => short === name),
  );
  if (found !== undefined) return found;
  const available = definitions.map((known) => `${known.name} (${known.shortNames.join(', ')})`).join(', ');
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
  definitions: readonly SamplerDefinition[],
  { overrides }: SamplerOptions,
): Record<string, unknown> {
  const source = definitions.find((known) => known.name === record._class_name);
  if (source !== undefined) checkProcess(source, definition, overrides);
  const clipsAlready = record._class_name === undefined || source?.fields.includes('clip_sample');
  return definition.fields.includes('clip_sample') && !clipsAlready
    ? { clip_sample: false, ...record }
    : record;
}

const PROCESSES = {
  betas: 'noise by a table of betas',
  flow: 'flow matching',
  angle: 'noise by an angle',
  edm: 'EDM preconditioning',
  consistency: 'a consistency model',
} as const;

/** @throws CacheQuantError `unsupported` where a model was trained for what another class cannot undo */
function checkProcess(
  source: SamplerDefinition,
  target: SamplerDefinition,
  overrides: SamplerOptions['overrides'],
): void {
  const flows = overrides?.use_flow_sigmas === true;
  if (source.process === (flows ? 'flow' : target.process)) return;
  throw new CacheQuantError('unsupported', `${target.name} does not fit a model of ${source.name}`, {
    where: 'createSampler',
    expected: `a sampler for ${PROCESSES[source.process]}`,
    got: `${target.name}, for ${PROCESSES[flows ? 'flow' : target.process]}`,
    hint:
      source.process === 'flow'
        ? 'UniPC, DEIS and DPM-Solver++ take flows with the overrides use_flow_sigmas true, prediction_type "flow_prediction" and flow_shift'
        : 'Leave the option sampler out, or choose one for the same kind of model',
  });
}

function checkOverrides(definition: SamplerDefinition, overrides: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(overrides).find((field) => !definition.fields.includes(field));
  if (unknown === undefined) return;
  throw new CacheQuantError('invalid-argument', `${definition.name} has no field ${unknown}`, {
    where: 'createSampler overrides',
    expected: `one of ${definition.fields.join(', ')}`,
  });
}
