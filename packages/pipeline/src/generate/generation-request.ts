import type { RgbImage } from '@cachequant/evaluate';
import type { Tensor } from '@cachequant/tensor';
import { CacheQuantError } from '@cachequant/tensor';
import { z } from 'zod';
import type { CallKind } from '../denoise/denoiser.js';

/** Where a request stands after a network call. */
export interface GenerationStep {
  /** Index of the call that was just made, from 0. */
  readonly call: number;
  /** Calls that each image takes. */
  readonly calls: number;
  /** Index of the image, or of the first one of a batch. */
  readonly image: number;
  /** Images in all. */
  readonly images: number;
  readonly timestep: number;
  readonly kind: CallKind;
  readonly ms: number;
  /** [B, C, H, W]. */
  readonly latents: Tensor<'float32'>;
  /** Decodes the first image of the batch as it is now, by the tiny decoder where there is one, else by the full one. */
  preview(): Promise<RgbImage>;
}

/** What to draw and how; what is left out is as the model's folder says. */
export interface GenerationRequest {
  /** Needed by a model that takes text, unless `prompts` are given. */
  readonly prompt?: string;
  /** Several prompts; `count` images are made for each, prompt after prompt. */
  readonly prompts?: readonly string[];
  /** What the picture should be far from; empty when left out. */
  readonly negativePrompt?: string;
  /** Which class to draw, from 0; needed by a model of classes, and only by such. */
  readonly classLabel?: number;
  /** Up to 1 there is no guidance: the prompt alone is computed, at half the cost. */
  readonly guidanceScale?: number;
  /** Image i of the request has the seed `seed + i`; 0 when left out. */
  readonly seed?: number;
  /** Pixels. */
  readonly width?: number;
  /** Pixels. */
  readonly height?: number;
  readonly steps?: number;
  /** A picture to change; its size is that of the pictures that are made. */
  readonly image?: RgbImage;
  /** White where `image` is to be painted, black where it stays; of the same size. */
  readonly mask?: RgbImage;
  /** How much of `image` is changed: the share of the steps that are made, above 0. 0.8 when left out, 1 with a mask. */
  readonly strength?: number;
  /**
   * Where the run ends, as a share of the noise that a model was trained to remove; its `latents` are left unfinished, for
   * another model to go on with (`denoising_end` in diffusers).
   */
  readonly denoisingEnd?: number;
  /** Where the run begins, with `latents` that another one left so (`denoising_start`). */
  readonly denoisingStart?: number;
  /** [1, C, h, w], as another run left them; for one image. */
  readonly latents?: Tensor<'float32'>;
  /** What a ControlNet follows: edges, depths, a pose; needed by a model with one. Its size is that of the pictures. */
  readonly controlImage?: RgbImage;
  /** How closely it is followed (`controlnet_conditioning_scale` in diffusers); 1, or as the bundle was made. */
  readonly controlScale?: number;
  /** Share of the calls after which it is followed (`control_guidance_start`); 0 when left out. */
  readonly controlStart?: number;
  /** Share of the calls up to which it is followed (`control_guidance_end`); 1 when left out. */
  readonly controlEnd?: number;
  /** Whether the ControlNet leads without a prompt: the unconditional half does not follow it (`guess_mode`). */
  readonly guessMode?: boolean;
  /** A sampler's name in place of the folder's own. */
  readonly sampler?: string;
  /** Fields to set in the sampler's configuration. */
  readonly samplerOverrides?: Readonly<Record<string, unknown>>;
  /** Images for each prompt; 1 when left out, at most 100,000. */
  readonly count?: number;
  /** Refuses what would otherwise be a warning. */
  readonly strict?: boolean;
  /** Called after each network call, and waited for; a stop does not wait. */
  readonly onStep?: (step: GenerationStep) => void | Promise<void>;
  /** Stops within one network call. */
  readonly signal?: AbortSignal;
}

/** Values for requests that name none. */
export interface GenerationDefaults {
  readonly steps: number;
  /** Of the calls that are made for so many steps of that sampler; left out: all of them, as it spaces them. */
  readonly timesteps?: readonly number[] | undefined;
  readonly guidanceScale: number;
  readonly sampler?: string | undefined;
  /** Of models that follow a ControlNet. */
  readonly controlScale?: number | undefined;
}

const SEED_LIMIT = 2 ** 53 - 1;

/** Images of one request; each is kept until all are done. */
const MOST_IMAGES = 100_000;

/** More than this is a mistake: at 2, hardly anything else is drawn. */
const MOST_CONTROL = 10;

const pictureSchema = z
  .looseObject({
    width: z.number().int().positive(),
    height: z.number().int().positive(),
    rgb: z.custom((value) => value instanceof Uint8Array || value instanceof Uint8ClampedArray),
  })
  .refine(
    ({ width, height, rgb }) => (rgb as Uint8Array).length === 3 * width * height,
    'expected width · height · 3 bytes',
  );

const requestSchema = z.strictObject({
  prompt: z.string().optional(),
  prompts: z.array(z.string()).min(1).optional(),
  negativePrompt: z.string().optional(),
  classLabel: z.number().int().nonnegative().optional(),
  guidanceScale: z.number().nonnegative().optional(),
  seed: z.number().int().min(-SEED_LIMIT).max(SEED_LIMIT).optional(),
  width: z.number().int().positive().optional(),
  height: z.number().int().positive().optional(),
  steps: z.number().int().positive().optional(),
  image: pictureSchema.optional(),
  mask: pictureSchema.optional(),
  strength: z.number().positive().max(1).optional(),
  denoisingEnd: z.number().positive().max(1).optional(),
  denoisingStart: z.number().nonnegative().lt(1).optional(),
  latents: z
    .custom(
      (value) => (value as Tensor | undefined)?.data instanceof Float32Array,
      'expected a float32 tensor',
    )
    .optional(),
  controlImage: pictureSchema.optional(),
  controlScale: z.number().nonnegative().max(MOST_CONTROL).optional(),
  controlStart: z.number().nonnegative().max(1).optional(),
  controlEnd: z.number().nonnegative().max(1).optional(),
  guessMode: z.boolean().optional(),
  sampler: z.string().optional(),
  samplerOverrides: z.record(z.string(), z.unknown()).optional(),
  count: z.number().int().positive().max(MOST_IMAGES).optional(),
  strict: z.boolean().optional(),
  onStep: z.custom((value) => typeof value === 'function', 'expected a function').optional(),
  signal: z.custom((value) => value instanceof AbortSignal, 'expected an AbortSignal').optional(),
});

/** One image to make. */
export interface ImageJob {
  /** Undefined for a model that takes no text. */
  readonly prompt: string | undefined;
  /** Left out for a model that draws no classes. */
  readonly classLabel?: number;
  readonly seed: number;
}

/** What a model's requests say of the picture. */
export interface AskedOf {
  readonly takesText: boolean;
  /** How many classes there are; undefined where requests name none. */
  readonly classes: number | undefined;
}

/**
 * Checks a request's fields one by one, as far as they do not depend on the model.
 * @throws CacheQuantError `invalid-argument`, naming the field
 */
export function checkRequest(request: GenerationRequest): void {
  const result = requestSchema.safeParse(request);
  if (result.success) return;
  const issue = result.error.issues[0]!;
  const [field] = issue.path;
  if (field === undefined) {
    throw new CacheQuantError('invalid-argument', issue.message, {
      where: 'generate',
      expected: `fields out of ${Object.keys(requestSchema.shape).join(', ')}`,
    });
  }
  throw new CacheQuantError('invalid-argument', 'the value is invalid', {
    where: String(field),
    expected: expectation(issue.message),
    got: PICTURES.some((each) => each === field)
      ? describePicture(request[field as 'image'])
      : describe(request[field as keyof GenerationRequest]),
  });
}

/**
 * The images that a request asks for, in order.
 * @throws CacheQuantError `invalid-argument` when the model takes text or a class and there is none, or the other way
 * round
 */
export function imageJobs(request: GenerationRequest, { takesText, classes }: AskedOf): ImageJob[] {
  requireClass(request.classLabel, classes);
  const { prompt, prompts, seed = 0, count = 1 } = request;
  if (prompt !== undefined && prompts !== undefined) {
    throw new CacheQuantError('invalid-argument', 'give either prompt or prompts', { where: 'prompt' });
  }
  const texts = prompts ?? (prompt === undefined ? [] : [prompt]);
  if (takesText !== texts.length > 0) {
    throw new CacheQuantError(
      'invalid-argument',
      takesText ? 'the prompt is missing' : 'the model takes no text',
      {
        where: 'prompt',
      },
    );
  }
  const each = takesText ? texts : [undefined];
  return each
    .flatMap((text) => new Array<string | undefined>(count).fill(text))
    .map((text, i) => ({
      prompt: text,
      ...(request.classLabel !== undefined && { classLabel: request.classLabel }),
      seed: seed + i,
    }));
}

/**
 * Refuses a class that the model does not draw.
 * @param classes how many there are; undefined for a model that draws none
 * @param where the option
 * @throws CacheQuantError `invalid-argument`
 */
export function requireClass(
  label: number | undefined,
  classes: number | undefined,
  where = 'classLabel',
): void {
  const isDrawn = label !== undefined && classes !== undefined && label < classes;
  if (isDrawn || (label === undefined && classes === undefined)) return;
  const missing = label === undefined ? 'the class label is missing' : 'there is no such class';
  throw new CacheQuantError(
    'invalid-argument',
    classes === undefined ? 'the model draws no classes' : missing,
    {
      where,
      ...(classes !== undefined && { expected: `a whole number from 0 to ${classes - 1}` }),
      ...(label !== undefined && { got: String(label) }),
    },
  );
}

/** What zod says that it wants, without what came. */
function expectation(message: string): string {
  return message
    .replace(/^.*expected /, '')
    .replace(/, received.*$/, '')
    .replace(/^.* to be (<=|>=)/, (_, sign: string) => (sign === '<=' ? 'at most ' : 'at least '));
}

const PICTURES = ['image', 'mask', 'controlImage'] as const;

/** Without its pixels. */
function describePicture(value: Partial<RgbImage> | undefined): string {
  return value?.rgb ? `${value.width}x${value.height}, ${value.rgb.length} bytes` : typeof value;
}

function describe(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // It refers to itself, or holds what JSON has no form for.
    return typeof value;
  }
}
