import { readFile } from 'node:fs/promises';
import { type PngText, readPngText } from '@cachequant/pipeline';
import { CacheQuantError, parseJson } from '@cachequant/tensor';
import { z } from 'zod';
import { type GenerationOptions, type ImageJob, subjectText } from '../options/generation-options.js';
import { UsageError } from '../options/usage-error.js';
import { packageVersion } from '../version.js';

/** The keyword of our own text in a picture. */
const KEYWORD = 'cachequant';
/** The keyword that programs for pictures look for, first written by Stable Diffusion web UI. */
const PARAMETERS = 'parameters';
/** Digits of a model's hash that people are shown. */
const SHORT_HASH = 10;

const pictureSchema = z.object({
  version: z.string(),
  prompt: z.string().optional(),
  negativePrompt: z.string().optional(),
  classLabel: z.number().int().nonnegative().optional(),
  seed: z.number().int(),
  sampler: z.string().optional(),
  steps: z.number().int().positive(),
  /** Left out where there is neither a prompt nor a class to be guided by. */
  guidanceScale: z.number().nonnegative().optional(),
  clipSkip: z.number().int().nonnegative().optional(),
  promptWeights: z.boolean().optional(),
  promptChunks: z.number().int().positive().optional(),
  /** How much of a given picture was changed. */
  strength: z.number().positive().optional(),
  /** How closely a ControlNet was followed, and when. */
  controlScale: z.number().nonnegative().optional(),
  controlStart: z.number().nonnegative().optional(),
  controlEnd: z.number().nonnegative().optional(),
  guessMode: z.boolean().optional(),
  /** Share of the noise after which another model went on. */
  refinerStart: z.number().positive().optional(),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  model: z.object({ kind: z.enum(['bundle', 'folder']), name: z.string(), fingerprint: z.string() }),
});

/** Everything that a picture was made of. */
export type PictureMetadata = z.output<typeof pictureSchema>;

/** What made all pictures of a run. */
export interface RunMetadata
  extends Pick<
    PictureMetadata,
    | 'sampler'
    | 'steps'
    | 'guidanceScale'
    | 'strength'
    | 'model'
    | 'clipSkip'
    | 'promptWeights'
    | 'promptChunks'
    | 'controlScale'
    | 'controlStart'
    | 'controlEnd'
    | 'guessMode'
    | 'refinerStart'
  > {
  readonly negativePrompt?: string | undefined;
}

export function pictureMetadata(
  run: RunMetadata,
  { prompt, classLabel, seed }: ImageJob,
  { width, height }: { readonly width: number; readonly height: number },
): PictureMetadata {
  const guidanceScale = (prompt ?? classLabel) === undefined ? undefined : run.guidanceScale;
  const asked = { prompt, classLabel, seed, width, height };
  return { version: `cachequant ${packageVersion()}`, ...asked, ...run, guidanceScale };
}

/** The texts of a picture's file: for people and their programs, and for `--like`. */
export function metadataText(made: PictureMetadata): PngText {
  // In Latin-1, so that every reader of PNG files finds it.
  const json = JSON.stringify(made).replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return { [PARAMETERS]: parametersOf(made), [KEYWORD]: json };
}

/** In the form of Stable Diffusion web UI: prompt, negative prompt, and a line of settings. */
function parametersOf(made: PictureMetadata): string {
  const { negativePrompt, seed, sampler, steps, guidanceScale, strength, width, height, model, version } =
    made;
  const settings: readonly (readonly [string, unknown])[] = [
    ['Steps', steps],
    ['Sampler', sampler],
    ['CFG scale', guidanceScale],
    ['Seed', seed],
    ['Denoising strength', strength],
    ['Size', `${width}x${height}`],
    ['Model hash', model.fingerprint.slice(0, SHORT_HASH)],
    ['Model', model.name],
    ['Version', version],
  ];
  const line = settings
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${/[,:"\n]/.test(String(value)) ? JSON.stringify(value) : value}`)
    .join(', ');
  return [
    subjectText(made) ?? '',
    ...(negativePrompt ? [`Negative prompt: ${negativePrompt}`] : []),
    line,
  ].join('\n');
}

/**
 * How a picture was made.
 * @throws CacheQuantError `storage` when it cannot be read, `invalid-argument` when it does not say
 */
export async function readPictureMetadata(path: string): Promise<PictureMetadata> {
  const file = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new CacheQuantError('storage', 'the picture cannot be read', {
      where: `--like ${path}`,
      ...(cause.code !== undefined && { got: cause.code }),
      cause,
    });
  });
  const texts = readPngText(file);
  const parsed = pictureSchema.safeParse(Object.hasOwn(texts, KEYWORD) ? parse(texts[KEYWORD]!) : undefined);
  if (parsed.success) return parsed.data;
  throw new CacheQuantError('invalid-argument', 'the picture does not say how it was made', {
    where: `--like ${path}`,
    expected: 'a PNG file that `cachequant generate` wrote, without --no-metadata',
    ...(Object.hasOwn(texts, KEYWORD) && { got: 'a damaged text' }),
  });
}

function parse(text: string): unknown {
  try {
    return parseJson(text, KEYWORD);
  } catch {
    return undefined;
  }
}

/** The options of a run that repeats a picture; what was given on the command line holds. */
export function optionsLike<T extends GenerationOptions>(
  { prompt, classLabel, version: _, model: __, ...made }: PictureMetadata,
  given: T,
  isGiven: (name: string) => boolean,
): T {
  if (made.strength !== undefined && given.image === undefined) {
    throw new UsageError("option '--image <file>' is missing: the picture was made of another one");
  }
  if (made.controlScale !== undefined && given.controlImage === undefined) {
    throw new UsageError("option '--control-image <file>' is missing: the picture follows one");
  }
  if (made.refinerStart !== undefined && given.refiner === undefined) {
    throw new UsageError("option '--refiner <model>' is missing: another model went on with the picture");
  }
  const subject = isGiven('prompt') || isGiven('classLabel') ? {} : listed({ prompt, classLabel });
  const missing = Object.entries({ ...made, ...subject }).filter(
    ([name, value]) => value !== undefined && !isGiven(name),
  );
  return { ...given, ...Object.fromEntries(missing) };
}

/** As the command line gives them. */
function listed({ prompt, classLabel }: Pick<PictureMetadata, 'prompt' | 'classLabel'>) {
  return {
    ...(prompt !== undefined && { prompt: [prompt] }),
    ...(classLabel !== undefined && { classLabel: [classLabel] }),
  };
}
