import { CACHE_CORRECTIONS } from '@cachequant/pipeline/internals';
import { z } from 'zod';
import { SCHEDULE_CHOICES } from '../search/schedule-choices.js';
import type { OptionDefinition } from './option-definition.js';

/** `best` takes what measures best; `paper` is the method as it was published, to compare with. */
const RECIPES = ['best', 'paper'] as const;

const BITS = ['w8a8', 'w4a8', 'none'] as const;

/**
 * Every option of `optimize`, once: what values it takes, its default, and how the command line and its help show it.
 * Those without a `help` can only be given by a program.
 */
export const OPTIMIZE_OPTIONS = {
  sampler: {
    schema: z.string().optional(),
    group: 'everyday',
    value: 'name',
    help: 'sampler to optimize for',
    otherwise: "the model's",
  },
  steps: {
    schema: z.int().min(1).max(1000).optional(),
    group: 'everyday',
    value: 'number',
    help: 'steps of the sampler',
    otherwise: "the model's",
  },
  guidanceScale: {
    schema: z.number().min(0).max(100).optional(),
    group: 'everyday',
    value: 'number',
    help: 'the guidance scale that you will generate with',
    otherwise: "the model's",
  },
  negativePrompt: {
    schema: z.string().default(''),
    group: 'everyday',
    value: 'text',
    help: 'the negative prompt that you will generate with',
    otherwise: 'empty',
  },
  controlScale: {
    schema: z.number().min(0).max(10).optional(),
    group: 'everyday',
    value: 'number',
    help: 'how closely the ControlNet will be followed when you generate',
    otherwise: '1',
  },
  /** As `PromptOptions` of the pipeline has it. */
  clipSkip: {
    schema: z.int().min(0).max(48).default(0),
    group: 'everyday',
    value: 'layers',
    help: "last layers of CLIP's text encoders to leave out, as diffusers counts them",
  },
  promptWeights: {
    schema: z.enum(['read', 'text']).default('text'),
    group: 'everyday',
    value: 'how',
    help: 'what (word:1.2) in prompts is: read as a weight, or text',
  },
  /** Every prompt takes so many, and so does every prompt of the bundle. */
  promptChunks: {
    schema: z.int().min(1).max(8).default(1),
    group: 'everyday',
    value: 'number',
    help: "windows of the text encoder's length that prompts of the bundle take, for long ones",
  },
  /** `WIDTHxHEIGHT` in pixels: the bundle is calibrated at the first; the others share its weights and tables. */
  size: {
    schema: z
      .array(z.string().regex(/^[1-9]\d{0,4}x[1-9]\d{0,4}$/, 'expected a form such as 512x768'))
      .min(1)
      .optional(),
    group: 'everyday',
    value: 'sizes',
    help: 'sizes of the pictures, such as 512x512,512x768: calibrated at the first, whose weights and tables the others share',
    otherwise: "the model's",
  },
  width: {
    schema: z.int().min(8).optional(),
    group: 'everyday',
    value: 'pixels',
    help: 'width of the pictures',
    otherwise: "the model's",
  },
  height: {
    schema: z.int().min(8).optional(),
    group: 'everyday',
    value: 'pixels',
    help: 'height of the pictures',
    otherwise: "the model's",
  },
  effort: {
    schema: z.enum(['fast', 'normal', 'thorough']).default('normal'),
    group: 'everyday',
    value: 'effort',
    help: 'how much is tried and measured',
  },
  /** Milliseconds that one image may take: sampler, steps, interval and precision are then chosen by measurement. */
  maxLatency: {
    schema: z.number().positive().optional(),
    group: 'everyday',
    value: 'ms',
    help: 'the most time per image; measures samplers, steps, intervals and precisions, and picks the best that fits',
  },
  /** Decibels that the pictures must keep against the original's; chooses as `maxLatency` does. */
  minPsnr: {
    schema: z.number().min(0).max(100).optional(),
    group: 'everyday',
    value: 'decibels',
    help: 'the least PSNR against the original; picks the fastest setting that reaches it',
  },
  /** Network calls per refresh; 1 is no cache. */
  interval: {
    schema: z.int().min(1).optional(),
    group: 'cache',
    value: 'calls',
    help: 'network calls per refresh of the cache, on average; 1 is no cache',
    otherwise: 'a tenth of the network calls, from 2 to 5; 1 below 10 calls',
  },
  refreshes: {
    schema: z.int().min(1).optional(),
    group: 'cache',
    value: 'number',
    help: 'the exact number of refreshes, instead of an interval',
  },
  schedule: {
    schema: z.enum(['auto', ...SCHEDULE_CHOICES]).default('auto'),
    group: 'cache',
    value: 'kind',
    help: 'which calls refresh the cache; auto measures several, search also leaves calls out',
  },
  /** Minutes that `schedule: search` may score plans for; fewer plans are scored where each takes longer. */
  searchMinutes: {
    schema: z.number().positive().max(10_080).default(10),
    group: 'cache',
    value: 'minutes',
    help: 'how long schedule search may try calls, beside everything else',
  },
  /** `auto`: the forecast, unless plain reuse measures better. */
  cacheCorrection: {
    schema: z.enum(['auto', ...CACHE_CORRECTIONS]).default('auto'),
    group: 'cache',
    value: 'kind',
    help: 'how cached features are corrected; auto: as a forecast, unless plain reuse measures better',
  },
  /** What cached calls do with the unconditional half: compute it, or forecast what guidance adds where that pays. */
  guidance: {
    schema: z.enum(['auto', 'computed']).default('auto'),
    group: 'cache',
    value: 'kind',
    help: 'the unconditional half at cached calls; auto: forecast, unless computing it measures better',
  },
  /** Quarters what self-attentions of cached calls take, at a loss that was measured to be too large for a default. */
  cachedKeys: {
    schema: z.enum(['all', 'every-second']).default('all'),
    group: 'cache',
    value: 'which',
    help: 'keys of self-attentions at cached calls: of all positions, or of every second one in each direction',
  },
  cut: {
    schema: z.string().optional(),
    group: 'cache',
    value: 'id',
    help: 'where to cut, by the name that `cachequant inspect` shows',
    otherwise: 'the first',
  },
  recipe: {
    schema: z.enum(RECIPES).default('best'),
    group: 'cache',
    value: 'name',
    help: 'best: what measures best; paper: the published method, to compare with',
  },
  bits: {
    schema: z.enum(BITS).default('w8a8'),
    group: 'integers',
    value: 'bits',
    help: 'weights and activations as integers, or the cache alone',
  },
  /**
   * `portable` keeps weights within 7 bits, which every x64 processor computes exactly; `vnni` takes all 8. `qdq` writes
   * standard ONNX operators for other runtimes than ONNX Runtime, with weights within 7 bits.
   */
  target: {
    schema: z.enum(['portable', 'vnni', 'qdq']).default('portable'),
    group: 'integers',
    value: 'name',
    help: 'portable: weights within 7 bits, exact on every x64 processor; vnni: all 8 bits; qdq: standard operators, for OpenVINO and others',
  },
  /** How 4-bit weights are rounded: by the second moments of what their layers see, or each to its nearest level. */
  rounding: {
    schema: z.enum(['second-order', 'nearest']).default('second-order'),
    group: 'integers',
    value: 'kind',
    help: 'how 4-bit weights are rounded: with second moments of the layer inputs (GPTQ), or each to its nearest level',
  },
  /** `measured`: layers stay in float where integers are slower or cost too much quality; `all`: none does. */
  layers: {
    schema: z.enum(['measured', 'all']).default('measured'),
    group: 'integers',
    value: 'how',
    help: 'measured: layers that are slower or too inexact in integers stay in float; all: no layer does',
  },
  keepFloat: {
    schema: z.array(z.string()).default([]),
    group: 'integers',
    value: 'names',
    help: 'layers to keep in float: parts of their names, separated by commas',
    otherwise: 'none',
  },
  /**
   * Least signal to noise in decibels of the integer network's prediction against the float one's, before the
   * layers that rounding harms most go back to float. On models/fashion-sd, 25 dB are pictures of 36 dB PSNR without
   * a cache; the cache at interval 5 leaves 31.5.
   */
  qualityFloor: {
    schema: z.number().min(0).max(100).default(25),
    group: 'integers',
    value: 'decibels',
    help: "the least signal-to-noise ratio of the integer network's predictions; below it, layers go back to float",
  },
  /**
   * Graphs that compute in float over the integer weights, for WebGPU: `auto` leaves them out where they are more
   * than a tenth of the denoiser, as in small models, which WebAssembly runs well enough.
   */
  floatGraphs: {
    schema: z.enum(['auto', 'always', 'never']).default('auto'),
    group: 'integers',
    value: 'when',
    help: 'graphs in float over the same weights, for WebGPU; auto: where they are at most a tenth of the denoiser',
  },
  /** Decoder and text encoder: through the quantizer where that pays, or as they are. */
  components: {
    schema: z.enum(['auto', 'keep']).default('auto'),
    group: 'integers',
    value: 'how',
    help: 'decoder and text encoder: auto quantizes them where that pays',
  },
  /** Least PSNR in decibels of the decoder's pictures against those of the float decoder. */
  decoderFloor: {
    schema: z.number().min(0).max(100).default(45),
    group: 'integers',
    value: 'decibels',
    help: "the least PSNR of the integer decoder's pictures against the float decoder's",
  },
  /** Classes that calibration and verification draw, in turn; left out: all over the model's. */
  classLabels: {
    schema: z.array(z.int().min(0)).min(1).optional(),
    group: 'measuring',
    value: 'numbers',
    help: 'classes to calibrate with, for class-conditional models, separated by commas',
    otherwise: "all over the model's",
  },
  /** Calibration runs these; every fourth is kept for the verification, unless that has prompts of its own. */
  prompts: { schema: z.array(z.string()).min(1).optional() },
  verificationPrompts: { schema: z.array(z.string()).min(1).optional() },
  /** Images that calibration runs; prompts are taken in turn. */
  calibrationImages: {
    schema: z.int().min(1).max(1024).optional(),
    group: 'measuring',
    value: 'number',
    help: 'images to calibrate with',
    otherwise: 'by effort',
  },
  /** Images that the last stage compares with the original. */
  verificationImages: {
    schema: z.int().min(1).max(4096).optional(),
    group: 'measuring',
    value: 'number',
    help: 'images to compare with the original at the end',
    otherwise: 'by effort',
  },
  /** Held-out images to measure at other steps and guidance scales, with a negative prompt and with other words; 0: none. */
  offCalibrationImages: {
    schema: z.int().min(0).max(4096).optional(),
    group: 'measuring',
    value: 'number',
    help: 'images to compare at other steps, guidance scales and words; 0: none',
    otherwise: 'by effort',
  },
  /** Held-out images to prepare beyond those, for comparisons of your own: `calibrated.context.verification` has them. */
  comparisonImages: { schema: z.int().min(0).max(4096).default(0) },
  seed: {
    schema: z.int().min(0).default(0),
    group: 'measuring',
    value: 'number',
    help: 'seed of the first image; another seed uses other images to calibrate and verify',
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

type Schemas = {
  readonly [K in keyof typeof OPTIMIZE_OPTIONS]: (typeof OPTIMIZE_OPTIONS)[K]['schema'];
};

export const optimizeOptionsSchema = z.strictObject(
  Object.fromEntries(Object.entries(OPTIMIZE_OPTIONS).map(([name, { schema }]) => [name, schema])) as Schemas,
);

/** What `optimize` can be told; everything has a default. */
export type OptimizeOptions = z.input<typeof optimizeOptionsSchema>;

/** The options with their defaults. */
export type ParsedOptions = z.output<typeof optimizeOptionsSchema>;
