import { CacheQuantError } from '@cachequant/tensor';
import type { z } from 'zod';
import { validateConfig } from './config.js';
import type { Sampler } from './sampler.js';

/** What a run is laid out for. */
export interface RunLayout {
  readonly steps: number;
  /** Images in one state, one after another. */
  readonly images: number;
}

/** A sampler class as the catalogue knows it. */
export interface SamplerDefinition {
  /** diffusers' class name. */
  readonly name: string;
  readonly shortNames: readonly string[];
  /** The configuration fields it reads. */
  readonly fields: readonly string[];
  create(record: Record<string, unknown>, layout: RunLayout): Sampler;
}

interface DefinitionSource<S extends z.ZodObject> {
  readonly name: string;
  readonly shortNames: readonly string[];
  readonly schema: S;
  create(config: z.output<S>, layout: RunLayout): Sampler;
}

/** Ties a class's configuration to its method. */
export function defineSampler<S extends z.ZodObject<{ num_train_timesteps: z.ZodDefault<z.ZodInt> }>>(
  source: DefinitionSource<S>,
): SamplerDefinition {
  const { name, shortNames, schema } = source;
  return {
    name,
    shortNames,
    fields: Object.keys(schema.shape),
    create(record, layout) {
      const config = validateConfig(name, schema, record);
      checkSteps(name, layout.steps, config.num_train_timesteps);
      return source.create(config, layout);
    },
  };
}

function checkSteps(name: string, steps: number, trainSteps: number): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= trainSteps) return;
  throw new CacheQuantError('invalid-argument', 'the number of steps is not possible', {
    where: name,
    expected: `an integer from 1 to ${trainSteps} (num_train_timesteps)`,
    got: String(steps),
  });
}
