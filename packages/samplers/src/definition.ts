import { CacheQuantError } from '@cachequant/tensor';
import type { z } from 'zod';
import { buildSampler } from './build-sampler.js';
import { validateConfig } from './config.js';
import type { SamplingRun } from './method.js';
import type { RunLayout, RunOption, RunRequest } from './run-layout.js';
import type { Sampler } from './sampler.js';
import { alignYourSteps, SCHEDULE_NAMES } from './schedules/align-your-steps.js';
import { type NoiseConfig, noiseToSignal, nonZeroAlphaBars } from './schedules/noise-schedule.js';

/**
 * What a model was trained to undo: Gaussian noise by a table of betas or by an angle, straight paths to noise, noise
 * of any level added to the data, or the last made into a consistency model. Configurations of one do not fit another.
 */
export type NoiseProcess = 'betas' | 'angle' | 'flow' | 'edm' | 'consistency';

/** A sampler class as the catalogue knows it. */
export interface SamplerDefinition {
  /** diffusers' class name, or one of your own: `_class_name` in a configuration. */
  readonly name: string;
  readonly shortNames: readonly string[];
  readonly process: NoiseProcess;
  /** The configuration fields it reads. */
  readonly fields: readonly string[];
  create(record: Record<string, unknown>, request: RunRequest): Sampler;
}

interface DefinitionSource<S extends z.ZodObject> {
  readonly name: string;
  readonly shortNames: readonly string[];
  /** `betas` when left out. */
  readonly process?: NoiseProcess;
  readonly takes?: readonly RunOption[];
  /** A zod object of the configuration's fields with their defaults. */
  readonly schema: S;
  create(config: z.output<S>, layout: RunLayout): SamplingRun;
}

/**
 * Ties a class's configuration to its method. Checks and bookkeeping are put around what `create` returns.
 * @example defineSampler({ name: 'MyScheduler', shortNames: [], schema: z.object(noiseFields), create: … })
 */
export function defineSampler<S extends z.ZodObject<{ num_train_timesteps: z.ZodType<number> }>>(
  source: DefinitionSource<S>,
): SamplerDefinition {
  const { name, shortNames, schema, process = 'betas', takes = [] } = source;
  return {
    name,
    shortNames,
    process,
    fields: Object.keys(schema.shape),
    create(record, request) {
      const config = validateConfig(name, schema, record) as z.output<S> & { num_train_timesteps: number };
      checkSteps(name, request.steps, config.num_train_timesteps);
      checkOptions(name, takes, request);
      const layout = withTimesteps(name, config, request);
      const { steps, images } = layout;
      return buildSampler({ ...source.create(config, layout), name, steps, images });
    },
  };
}

function withTimesteps(name: string, config: object, { timesteps, ...layout }: RunRequest): RunLayout {
  if (timesteps === undefined) return layout;
  if (typeof timesteps !== 'string') return { ...layout, timesteps };
  if (!SCHEDULE_NAMES.includes(timesteps) || !('beta_schedule' in config)) {
    throw new CacheQuantError('unsupported', `there are no timesteps by the name ${timesteps} for ${name}`, {
      where: 'createSampler timesteps',
      expected: `a list of timesteps, or with a schedule of betas ${SCHEDULE_NAMES.join(' or ')}`,
      got: JSON.stringify(timesteps),
    });
  }
  const trainSigmas = noiseToSignal(nonZeroAlphaBars(config as NoiseConfig));
  return { ...layout, timesteps: alignYourSteps(timesteps, layout.steps, trainSigmas) };
}

function checkSteps(name: string, steps: number, trainSteps: number): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= trainSteps) return;
  throw new CacheQuantError('invalid-argument', 'the number of steps is invalid', {
    where: name,
    expected: `an integer from 1 to ${trainSteps} (num_train_timesteps)`,
    got: String(steps),
  });
}

function checkOptions(name: string, takes: readonly RunOption[], request: RunRequest): void {
  const options: readonly RunOption[] = ['timesteps', 'sigmas', 'mu', 'eta'];
  const refused = options.find((option) => request[option] !== undefined && !takes.includes(option));
  if (refused === undefined) return;
  throw new CacheQuantError('unsupported', `${name} takes no ${refused}`, {
    where: 'createSampler',
    expected:
      takes.length === 0
        ? 'neither timesteps nor sigmas nor mu nor eta'
        : `of these only ${takes.join(', ')}`,
    got: `${refused} ${JSON.stringify(request[refused])}`,
  });
}
