import { SAMPLER_NAMES, type Sampler } from '@cachequant/samplers';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { layOutSampler, type SamplerLayout } from '../model/lay-out-sampler.js';
import { openScheduler } from '../model/model-folder.js';
import type { BundleManifest } from './manifest.js';

/** A sampler, and the name by which `createSampler` makes it from the bundle's configuration. */
export interface CalibratedSampler {
  readonly name: string;
  readonly sampler: Sampler;
}

/**
 * The sampler that a bundle was calibrated with, laid out again. Its class alone may mean another method: `plms` is
 * PNDM without its first Runge–Kutta steps, whatever the configuration says. So the number of calls decides.
 * @returns undefined where the bundle's configuration does not give it
 */
export async function calibratedSampler(
  storage: Storage,
  { sampler }: Pick<BundleManifest, 'sampler'>,
): Promise<CalibratedSampler | undefined> {
  const config = (await openScheduler(storage))?.config ?? {};
  const known = SAMPLER_NAMES.find(({ name }) => name === sampler.name);
  for (const name of [sampler.name, ...(known?.shortNames ?? [])]) {
    const made = possibleSampler(config, name, sampler.steps, sampler);
    if (made?.calls === sampler.calls) return { name, sampler: made };
  }
  return undefined;
}

/** A sampler of so many steps; undefined where the configuration allows none. */
export function possibleSampler(
  config: unknown,
  name: string | undefined,
  steps: number,
  layout?: SamplerLayout,
): Sampler | undefined {
  try {
    return layOutSampler(config, { steps, ...(name !== undefined && { sampler: name }) }, layout);
  } catch (error) {
    if (CacheQuantError.is(error)) return undefined;
    throw error;
  }
}
