import { type GenerationRequest, openModelFolder, type PromptOptions } from '@cachequant/pipeline';
import { type AskedSize, LARGEST_PICTURE } from '@cachequant/pipeline/internals';
import type { Storage } from '@cachequant/tensor';
import { type Command, InvalidArgumentError } from 'commander';
import type { GlobalOptions } from '../command-context.js';
import { addSourceOptions, type SourceOptions } from '../model-sources/source-options.js';
import { addPictureOptions, type PictureOptions } from '../pictures/given-pictures.js';
import { addDecoderOptions, type DecoderCommandOptions } from './decoder-options.js';
import { decimal, integer, repeated, repeatedInteger } from './parse-arguments.js';
import { UsageError } from './usage-error.js';

/** Options of the commands that make images. */
export interface GenerationOptions
  extends GlobalOptions,
    SourceOptions,
    PictureOptions,
    DecoderCommandOptions {
  readonly prompt?: readonly string[];
  readonly negativePrompt?: string;
  readonly classLabel?: readonly number[];
  readonly seed: number;
  readonly count: number;
  readonly guidanceScale?: number;
  readonly size?: { readonly width: number; readonly height: number };
  readonly clipSkip?: number;
  readonly promptWeights?: boolean;
  readonly promptChunks?: number;
  readonly steps?: number;
  readonly sampler?: string;
  /** Of `generate` alone. */
  readonly refiner?: string;
  readonly refinerStart?: number;
  readonly strict?: boolean;
  readonly threads?: number;
}

/** Images of one command; each is kept in a list. */
const MOST_IMAGES = 100_000;

export function addGenerationOptions(command: Command): Command {
  const generating = command
    .option('--prompt <text>', 'what to generate; may be given several times', repeated)
    .option('--negative-prompt <text>', 'what to avoid in the pictures')
    .option(
      '--class-label <number>',
      'the class to generate, for class-conditional models; may be given several times',
      repeatedInteger(0),
    )
    .option('--seed <number>', 'of the first image; image i has seed + i', integer(0), 0)
    .option('--count <number>', 'images per prompt', integer(1, MOST_IMAGES), 1)
    .option(
      '--guidance-scale <number>',
      'how closely to follow the prompt; up to 1 the prompt alone, without guidance',
      decimal(0),
    )
    .option(
      '--steps <number>',
      'steps of the sampler; a bundle takes others than its own with a warning',
      integer(1),
    )
    .option(
      '--clip-skip <layers>',
      "last layers of CLIP's text encoders to leave out, as diffusers counts them (default: as the bundle was made)",
      integer(0, 48),
    )
    .option('--prompt-weights', 'read (word:1.2), (word) and [word] in prompts as weights')
    .option(
      '--prompt-chunks <number>',
      "windows of the text encoder's length that a long prompt may take; a bundle has its own number",
      integer(1, 8),
    )
    .option('--sampler <name>', 'for example ddim, plms, dpm-solver++, euler')
    .option(
      '--size <WxH>',
      'width and height of the pictures, such as 512x768; one that a bundle has',
      parseSize,
    )
    .option('--width <pixels>', 'width of the pictures', integer(1, LARGEST_PICTURE))
    .option('--height <pixels>', 'height of the pictures', integer(1, LARGEST_PICTURE))
    .option('--strict', 'fail where there would be a warning')
    .option('--threads <number>', 'processor threads to use', integer(1));
  return addSourceOptions(addPictureOptions(addDecoderOptions(generating)));
}

/**
 * Refuses a command without the prompt that its model needs, before anything is loaded.
 * @throws UsageError
 */
export async function requireSubject(
  { storage }: { readonly storage: Storage },
  subjects: readonly Subject[],
): Promise<void> {
  if (subjects.some(({ prompt }) => prompt !== undefined)) return;
  const { textEncoder } = await openModelFolder(storage);
  if (textEncoder !== undefined) {
    throw new UsageError("option '--prompt <text>' is missing: the model draws what a text says");
  }
}

/** What a picture shows: what its prompt says, a class, or what the model draws of itself. */
export interface Subject {
  readonly prompt?: string | undefined;
  readonly classLabel?: number | undefined;
}

/** A subject in words; undefined where there is nothing to say. */
export function subjectText({ prompt, classLabel }: Subject): string | undefined {
  return prompt ?? (classLabel === undefined ? undefined : `class ${classLabel}`);
}

/** One image to make. */
export interface ImageJob extends Subject {
  readonly seed: number;
}

/**
 * What is to be drawn, in order.
 * @throws UsageError for prompts together with classes
 */
export function subjectsOf({
  prompt,
  classLabel,
}: Pick<GenerationOptions, 'prompt' | 'classLabel'>): readonly Subject[] {
  if (prompt !== undefined && classLabel !== undefined) {
    throw new UsageError("give either option '--prompt <text>' or '--class-label <number>'");
  }
  if (classLabel !== undefined) return classLabel.map((label) => ({ classLabel: label }));
  return prompt?.map((text) => ({ prompt: text })) ?? [{}];
}

/** The images in order: `count` for each prompt or class, with ascending seeds. */
export function imageJobs(
  options: Pick<GenerationOptions, 'prompt' | 'classLabel' | 'seed' | 'count'>,
): ImageJob[] {
  return subjectsOf(options)
    .flatMap((subject) => new Array<Subject>(options.count).fill(subject))
    .map((subject, i) => ({ ...subject, seed: options.seed + i }));
}

/** The request for one image; fields that were not given are left to the model. */
export function requestFor(
  { prompt, classLabel, seed }: ImageJob,
  options: Omit<GenerationOptions, 'prompt' | 'classLabel' | 'seed' | 'count'>,
): GenerationRequest {
  const { negativePrompt, guidanceScale, steps, sampler, strict } = options;
  const { width, height } = sizeOf(options);
  const asked = { prompt, classLabel, seed, negativePrompt, guidanceScale, steps, sampler };
  const fields = { ...asked, width, height, strict };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/**
 * The size that the options ask for, in pixels.
 * @throws UsageError for a size together with a width or a height
 */
function sizeOf({ size, width, height }: Pick<GenerationOptions, 'size' | 'width' | 'height'>): AskedSize {
  if (size === undefined) return { width, height };
  if (width === undefined && height === undefined) return size;
  throw new UsageError("give either option '--size <WxH>', or '--width' and '--height'");
}

/** The options with the width and height that `--size` stands for. */
export function withSize<T extends Pick<GenerationOptions, 'size' | 'width' | 'height'>>(options: T): T {
  const { size: _, ...others } = options;
  const { width, height } = sizeOf(options);
  return { ...others, ...(width !== undefined && { width }), ...(height !== undefined && { height }) } as T;
}

function parseSize(text: string): Required<AskedSize> {
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text) ?? [];
  if (width && height && Math.max(Number(width), Number(height)) <= LARGEST_PICTURE) {
    return { width: Number(width), height: Number(height) };
  }
  throw new InvalidArgumentError(`Expected a form such as 512x768, up to ${LARGEST_PICTURE} each.`);
}

/** How prompts are read, as far as the options say. */
export function promptOptionsOf({
  clipSkip,
  promptWeights,
  promptChunks,
}: Pick<GenerationOptions, 'clipSkip' | 'promptWeights' | 'promptChunks'>): PromptOptions {
  return {
    ...(clipSkip !== undefined && { clipSkip }),
    ...(promptWeights !== undefined && { weights: promptWeights }),
    ...(promptChunks !== undefined && { chunks: promptChunks }),
  };
}

const LONGEST_NAME = 48;

/** `a-red-sneaker-7.png`; two images of one command never share a name, because their seeds differ. */
export function imageFileName(job: ImageJob): string {
  const words = (subjectText(job) ?? '')
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, LONGEST_NAME)
    .replace(/^-+|-+$/g, '');
  return `${words || 'image'}-${job.seed}.png`;
}
