import { z } from 'zod';
import { FULL_SIZE_SEARCHES } from './full-size-search.js';

const SAMPLERS = ['plms', 'ddim', 'dpm-solver++', 'lcm'] as const;

const CURVES = [
  'reference',
  'fewer steps, plms',
  'fewer steps, ddim',
  'fewer steps, dpm-solver++',
  'int8, fewer steps, plms',
  'int8, fewer steps, ddim',
  'int8, fewer steps, dpm-solver++',
  'uniform cache',
  'DP cache',
  'uniform cache + int8',
  'DP cache + int8',
  'paper',
  'factors',
  'few-step student',
  'int8, few-step student',
  'cachequant',
  'lever: both halves',
  'lever: one half at cached calls',
  'lever: one half at late refreshes',
  'lever: search',
  ...FULL_SIZE_SEARCHES,
] as const;

const cacheSchema = z.object({
  schedule: z.enum(['auto', 'uniform', 'quadratic', 'dp', 'forecast-dp', 'search']),
  correction: z.enum(['auto', 'none', 'paper', 'forecast']),
  /** The quantization correction: none, ours (predictions smoothed over calls), or the paper's (outputs of layers). */
  outputs: z.enum(['auto', 'none', 'smoothed', 'paper']),
  /** What cached calls do with the unconditional half. */
  guidance: z.enum(['auto', 'computed', 'forecast']),
});

/** How a row's cache works; `auto` is what measures best on the calibration seeds. */
export type CacheChoice = z.output<typeof cacheSchema>;

const chosenSchema = z.object({
  id: z.string(),
  curve: z.enum(CURVES),
  sampler: z.enum(SAMPLERS),
  steps: z.int().positive(),
  /** Network calls per refresh; 1 without a cache. */
  interval: z.int().positive(),
  bits: z.enum(['float', 'w8a8', 'w4a8']),
  /** How 4-bit weights are rounded; left out: by second moments. */
  rounding: z.literal('nearest').optional(),
  /** What was taken, where `auto` was asked for; null without a cache. */
  cache: cacheSchema.nullable(),
  refreshCalls: z.array(z.int()).nullable(),
  /** Those of them that compute the conditional half of guidance alone. */
  conditionalRefreshes: z.array(z.int()).optional(),
  calls: z.int().positive(),
  /** What a search has chosen for each of the sampler's timesteps. */
  plan: z.string().optional(),
});

/** A row with everything that was open decided. */
export type ChosenRow = z.output<typeof chosenSchema>;

const interval = z.tuple([z.number(), z.number()]);

const rowSchema = chosenSchema.extend({
  /** Graphs and weights of the denoiser; null for the float model as it came, and before it was measured. */
  denoiserBytes: z.int().positive().nullable().default(null),
  /** Time of an image over that of the original, median over interleaved rounds; null before it was measured. */
  timeRatio: z.number().positive().nullable(),
  timeRounds: z.int(),
  /** Against the float model with the same sampler and steps; null for that itself. Decibels, mean over seeds. */
  psnr: z.number().nullable(),
  psnrInterval: interval.nullable(),
  /** Mean squared error of 8-bit values against the same. */
  squaredError: z.number().nullable(),
  ssim: z.number().nullable(),
  /** Against the converged solution from the same noise; null for that itself. */
  psnrConverged: z.number().nullable(),
  psnrConvergedInterval: interval.nullable(),
  /** To real pictures; falls with the number of images, so every row that has it has it of as many. */
  frechet: z.number().nullable(),
  kindAccuracy: z.number().nullable(),
  colorAccuracy: z.number().nullable(),
  /** Images behind the paired measures, and behind Fréchet distance and accuracies; 0 where that was not measured. */
  seeds: z.int(),
  frechetSeeds: z.int(),
});

export type AblationRow = z.output<typeof rowSchema>;

const differenceSchema = z.object({
  better: z.string(),
  worse: z.string(),
  measure: z.enum(['psnr', 'psnrConverged']),
  /** Paired by seed. */
  difference: z.number(),
  interval,
  timeRatios: z.tuple([z.number().nullable(), z.number().nullable()]),
});

const budgetSchema = z.object({
  /** How many times as fast as the original an image has to be. */
  speed: z.number(),
  /** The best row among those that `optimize` tries, with a cache or without, and the best of all others. */
  ours: z.string(),
  rival: z.string(),
  /** Decibels to the converged solution, mean over the same seeds. */
  oursPsnr: z.number(),
  rivalPsnr: z.number(),
  /** Of the paired differences. */
  interval,
});

/** Our best and the best rival within a time. */
export type Budget = z.output<typeof budgetSchema>;

const factorsSchema = z.object({
  interval: z.int(),
  bits: z.enum(['w8a8', 'w4a8']),
  cacheCorrection: z.enum(['none', 'forecast']),
  /** Mean squared errors of 8-bit values against the float model with all calls. */
  float: z.number(),
  integer: z.number(),
  integerCorrected: z.number(),
  /** What integers add to the error, and its bootstrap interval. */
  excess: z.number(),
  excessInterval: interval,
  /** Share of that which the quantization correction removes. */
  removed: z.number(),
  removedInterval: interval,
});

/** One line of the 2×2×2 of cache correction, quantization correction and integers. */
export type Factors = z.output<typeof factorsSchema>;

/** What `npm run ablation` writes. */
export const ablationSchema = z.object({
  model: z.string(),
  guidanceScale: z.number(),
  calibrationImages: z.int(),
  firstSeed: z.int(),
  heldOutPrompts: z.int(),
  measuredAt: z.string(),
  machine: z.object({
    processor: z.string(),
    cores: z.int(),
    /** With which an image is made. */
    threads: z.int(),
    int8FullRange: z.boolean(),
  }),
  versions: z.record(z.string(), z.string()),
  /** Milliseconds of a call of a denoiser of SD-1.5's size, from `npm run bench`; null before it was run. */
  sd15: z.object({ float: z.number(), full: z.number(), cached: z.number() }).nullable(),
  rows: z.array(rowSchema),
  differences: z.array(differenceSchema),
  budgets: z.array(budgetSchema),
  factors: z.array(factorsSchema),
});

export type AblationResults = z.output<typeof ablationSchema>;
