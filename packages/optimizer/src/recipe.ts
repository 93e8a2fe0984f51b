import { CACHE_CORRECTIONS, SCHEDULE_KINDS, type ScheduleKind } from '@cachequant/pipeline/internals';
import { CacheQuantError } from '@cachequant/tensor';
import { z } from 'zod';

/** `best` takes what measures best; `paper` is the method as it was published, to compare with. */
const RECIPES = ['best', 'paper'] as const;

const BITS = ['w8a8', 'w4a8', 'none'] as const;

const optionsSchema = z.strictObject({
  recipe: z.enum(RECIPES).default('best'),
  sampler: z.string().optional(),
  steps: z.int().min(1).max(1000).optional(),
  guidanceScale: z.number().min(0).max(100).optional(),
  width: z.int().min(8).optional(),
  height: z.int().min(8).optional(),
  /** Network calls per refresh; 1 is no cache. */
  interval: z.int().min(1).default(5),
  refreshes: z.int().min(1).optional(),
  /** Milliseconds that one image may take: sampler, steps, interval and precision are then chosen by measurement. */
  maxLatency: z.number().positive().optional(),
  /** Decibels that the pictures must keep against the original's; chooses as `maxLatency` does. */
  minPsnr: z.number().min(0).max(100).optional(),
  bits: z.enum(BITS).default('w8a8'),
  /** How 4-bit weights are rounded: by the second moments of what their layers see, or each to its nearest level. */
  rounding: z.enum(['second-order', 'nearest']).default('second-order'),
  /** `portable` keeps weights within 7 bits, which every x64 processor computes exactly; `vnni` takes all 8. */
  target: z.enum(['portable', 'vnni']).default('portable'),
  /** Calibration runs these; every fourth is kept for the verification, unless that has prompts of its own. */
  prompts: z.array(z.string()).min(1).optional(),
  verificationPrompts: z.array(z.string()).min(1).optional(),
  negativePrompt: z.string().default(''),
  seed: z.int().min(0).default(0),
  /** Images that calibration runs; prompts are taken in turn. */
  calibrationImages: z.int().min(1).max(1024).optional(),
  /** Images that the last stage compares with the original. */
  verificationImages: z.int().min(1).max(4096).optional(),
  /** Held-out images to prepare beyond those, for comparisons of one's own: `study.lab.verification` has them. */
  comparisonImages: z.int().min(0).max(4096).default(0),
  /** Held-out images to measure at other steps and guidance scales, with a negative prompt and with other words; 0: none. */
  offCalibrationImages: z.int().min(0).max(4096).optional(),
  effort: z.enum(['fast', 'normal', 'thorough']).default('normal'),
  schedule: z.enum(['auto', ...SCHEDULE_KINDS]).default('auto'),
  /** `auto`: the forecast, unless plain reuse measures better. */
  cacheCorrection: z.enum(['auto', ...CACHE_CORRECTIONS]).default('auto'),
  /** What cached calls do with the unconditional half: compute it, or forecast what guidance adds where that pays. */
  guidance: z.enum(['auto', 'computed']).default('auto'),
  /**
   * Graphs that compute in float over the integer weights, for WebGPU: `auto` leaves them out where they are more
   * than a tenth of the denoiser, as in small models, which WebAssembly runs well enough.
   */
  floatGraphs: z.enum(['auto', 'always', 'never']).default('auto'),
  cut: z.string().optional(),
  /** Decoder and text encoder: through the quantizer where that pays, or as they are. */
  components: z.enum(['auto', 'keep']).default('auto'),
  /** Least PSNR in decibels of the decoder's pictures against those of the float decoder. */
  decoderFloor: z.number().min(0).max(100).default(45),
  keepFloat: z.array(z.string()).default([]),
  /** `measured`: layers stay in float where integers are slower or cost too much quality; `all`: none does. */
  layers: z.enum(['measured', 'all']).default('measured'),
  /**
   * Least signal to noise in decibels of the integer network's prediction against the float one's, before the
   * layers that rounding harms most go back to float. On models/fashion-sd, 25 dB are pictures of 36 dB PSNR without
   * a cache; the cache at interval 5 leaves 31.5.
   */
  qualityFloor: z.number().min(0).max(100).default(25),
});

/** What `optimize` can be told; everything has a default. */
export type OptimizeOptions = z.input<typeof optionsSchema>;

const EFFORTS = {
  fast: {
    calibrationImages: 4,
    verificationImages: 4,
    offCalibrationImages: 0,
    schedules: ['uniform', 'dp'],
  },
  normal: {
    calibrationImages: 8,
    verificationImages: 8,
    offCalibrationImages: 4,
    schedules: ['uniform', 'dp', 'forecast-dp'],
  },
  thorough: {
    calibrationImages: 32,
    verificationImages: 32,
    offCalibrationImages: 8,
    schedules: [...SCHEDULE_KINDS],
  },
} as const satisfies Record<string, { schedules: readonly ScheduleKind[]; [key: string]: unknown }>;

type ParsedOptions = z.output<typeof optionsSchema>;

/** Options with nothing left open that does not depend on the model. */
export interface Recipe extends ParsedOptions {
  readonly calibrationImages: number;
  readonly verificationImages: number;
  readonly offCalibrationImages: number;
  /** Schedules to compare; the best one on calibration seeds is taken. */
  readonly schedules: readonly ScheduleKind[];
}

/**
 * Checks the options of an optimization and fills in what is left out.
 * @throws CacheQuantError `invalid-argument` naming the option
 */
export function parseRecipe(options: OptimizeOptions): Recipe {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new CacheQuantError('invalid-argument', message, {
      where: path.length > 0 ? `option ${path.join('.')}` : 'options',
      hint: `Options are ${Object.keys(optionsSchema.shape).join(', ')}.`,
    });
  }
  const effort = EFFORTS[parsed.data.effort];
  const verificationImages = parsed.data.verificationImages ?? effort.verificationImages;
  const { schedule, cacheCorrection, guidance } = choicesOf(parsed.data);
  return {
    ...parsed.data,
    schedule,
    cacheCorrection,
    guidance,
    calibrationImages: parsed.data.calibrationImages ?? effort.calibrationImages,
    verificationImages,
    offCalibrationImages: Math.min(
      parsed.data.offCalibrationImages ?? effort.offCalibrationImages,
      verificationImages,
    ),
    schedules: schedule === 'auto' ? effort.schedules : [schedule],
  };
}

/** The paper's recipe leaves no choice of schedule or correction. */
function choicesOf({
  recipe,
  schedule,
  cacheCorrection,
  guidance,
}: ParsedOptions): Pick<ParsedOptions, 'schedule' | 'cacheCorrection' | 'guidance'> {
  if (recipe === 'best') return { schedule, cacheCorrection, guidance };
  const other = Object.entries({
    schedule: [schedule, 'dp'],
    cacheCorrection: [cacheCorrection, 'paper'],
  }).find(([, [given, own]]) => given !== 'auto' && given !== own);
  if (!other) return { schedule: 'dp', cacheCorrection: 'paper', guidance: 'computed' };
  throw new CacheQuantError('invalid-argument', "the paper's recipe has its own", {
    where: `option ${other[0]}`,
    expected: other[1][1],
    got: other[1][0],
    hint: 'Leave out one of the two options.',
  });
}
