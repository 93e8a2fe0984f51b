import { CACHE_CORRECTIONS, earlierNames } from '@cachequant/pipeline/internals';
import { CacheQuantError, parseJson } from '@cachequant/tensor';
import { z } from 'zod';
import type { OptimizeOptions } from './recipe.js';
import { SCHEDULE_CHOICES } from './search/schedule-choices.js';

/** The name of a bundle's plan. */
export const PLAN = 'plan.json';
const FORMAT_VERSION = 1;

const layerSchema = z.object({
  id: z.string(),
  kind: z.enum(['convolution', 'pointwise', 'linear']),
  macs: z.number(),
  compute: z.enum(['integer', 'float']),
  storage: z.enum(['int4', 'int8', 'float32']),
  reason: z.string(),
  measured: z
    .object({
      /** Signal to noise of the layer by itself, in decibels. */
      sqnr: z.number(),
      floatMs: z.number().optional(),
      integerMs: z.number().optional(),
      /** Signal to noise of the network with only this layer in integers; of those that add most noise. */
      networkDb: z.number().optional(),
    })
    .optional(),
  /** Errors of the layer's outputs by the rounding of its weight, relative to their power. */
  rounding: z.object({ damping: z.number(), error: z.number(), plainError: z.number() }).optional(),
});

const planSchema = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  /** Fingerprints of the model, and of conditioning that was given with it. */
  source: z.object({ fingerprint: z.string(), conditioning: z.string().optional() }),
  recipe: z.looseObject({}),
  cut: z.string(),
  layers: z.array(layerSchema),
  layerChoice: z
    .object({
      floor: z.number(),
      networkDb: z.object({ allInteger: z.number(), chosen: z.number() }),
      wholeMs: z.object({ allInteger: z.number(), withoutSlow: z.number(), ratio: z.number() }).optional(),
    })
    .optional(),
  schedules: z
    .array(
      z.preprocess(
        earlierNames({ refreshSteps: 'refreshCalls' }),
        z.object({
          schedule: z.enum(SCHEDULE_CHOICES),
          correction: z.enum(CACHE_CORRECTIONS),
          /** What cached calls do with the unconditional half; plans of earlier versions do not say. */
          guidance: z.enum(['computed', 'forecast']).default('computed'),
          refreshCalls: z.array(z.int()).min(1),
          conditionalRefreshes: z.array(z.int()).optional(),
          /** Of the calls that are made; left out: all of the sampler's. */
          timesteps: z.array(z.number()).min(1).optional(),
          calibrationPsnr: z.array(z.number().nullable()),
          chosen: z.boolean(),
        }),
      ),
    )
    .refine(
      (schedules) => schedules.filter(({ chosen }) => chosen).length === 1,
      'one schedule is the chosen one',
    ),
  quantizationCorrection: z
    .object({ calibrationPsnr: z.array(z.number().nullable()), kept: z.boolean() })
    .optional(),
});

/** Every decision that a bundle was made by, with the numbers behind it: its `plan.json`. */
export type DecisionRecord = z.output<typeof planSchema>;

/** Options that change nothing under denoiser/. */
const FREE_OPTIONS = new Set([
  // Further sizes take the decisions of the first.
  'size',
  'verificationImages',
  'comparisonImages',
  'offCalibrationImages',
  'components',
  'decoderFloor',
]);

/**
 * Reads the text of a plan.json.
 * @param where its path, for errors
 * @throws CacheQuantError `invalid-argument` when it is none
 */
export function parseDecisionRecord(text: string, where = PLAN): DecisionRecord {
  const json = parsePlanText(text, where);
  const version = (json as { formatVersion?: unknown } | null)?.formatVersion;
  if (version !== FORMAT_VERSION) {
    throw wrongRecord(
      where,
      'the plan has another format',
      `format ${FORMAT_VERSION}`,
      `format ${version ?? 'unknown'}`,
    );
  }
  const parsed = planSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw wrongRecord(`${where}, ${path.join('.')}`, `the plan is damaged: ${message}`);
}

function parsePlanText(text: string, where: string): unknown {
  try {
    return parseJson(text, where);
  } catch (cause) {
    throw wrongRecord(where, 'the plan is not JSON', undefined, undefined, cause);
  }
}

/**
 * The options of a plan, with those that were given besides.
 * @throws CacheQuantError `invalid-argument` for an option that contradicts the plan
 */
export function optionsOfRecord({ recipe }: DecisionRecord, given: OptimizeOptions): OptimizeOptions {
  const { schedules: _, ...planned } = recipe;
  for (const [name, value] of Object.entries(given)) {
    if (FREE_OPTIONS.has(name) || value === undefined) continue;
    const [expected, got] = [planned[name], value].map((option) => JSON.stringify(option));
    if (expected === got) continue;
    throw wrongRecord(`option ${name}`, 'the option contradicts the plan', expected ?? 'none', got);
  }
  return { ...planned, ...given };
}

/** @throws CacheQuantError `invalid-argument` when the plan is that of another model or other conditioning */
export function requireRecordOf(
  { source }: DecisionRecord,
  model: { readonly fingerprint: string; readonly conditioning?: string | undefined },
): void {
  for (const part of ['fingerprint', 'conditioning'] as const) {
    if (source[part] === model[part]) continue;
    const of = part === 'fingerprint' ? 'model' : 'conditioning';
    throw wrongRecord('plan', `the plan is of another ${of}`, short(source[part]), short(model[part]));
  }
}

/**
 * The schedule that a plan chose.
 * @throws CacheQuantError `invalid-argument` when it does not fit the number of network calls
 */
export function recordedSchedule(
  { schedules }: DecisionRecord,
  calls: number,
): DecisionRecord['schedules'][number] {
  const chosen = schedules.find((candidate) => candidate.chosen)!;
  const steps = chosen.refreshCalls;
  const ascends = steps.every((step, i) => step < calls && step > (steps[i - 1] ?? -1));
  if (steps[0] === 0 && ascends) return chosen;
  throw wrongRecord(
    'plan, schedules',
    'the refreshes do not fit the sampler',
    `0 and others below ${calls}, ascending`,
    steps.join(', '),
  );
}

function short(fingerprint: string | undefined): string {
  return fingerprint === undefined ? 'none' : `${fingerprint.slice(0, 12)}…`;
}

export function wrongRecord(
  where: string,
  summary: string,
  expected?: string,
  got?: string,
  cause?: unknown,
): CacheQuantError {
  return new CacheQuantError('invalid-argument', summary, {
    where,
    ...(expected !== undefined && { expected }),
    ...(got !== undefined && { got }),
    ...(cause !== undefined && { cause }),
    hint: 'Give the plan.json of a bundle that this version made of the same model, or optimize without a plan.',
  });
}
