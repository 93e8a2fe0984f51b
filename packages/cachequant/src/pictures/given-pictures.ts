import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { GenerationRequest, Generator } from '@cachequant/pipeline';
import { changedSize } from '@cachequant/pipeline/internals';
import { pixelsOf, upright } from '@cachequant/server/internals';
import { CacheQuantError } from '@cachequant/tensor';
import type { Command } from 'commander';
import type { Sharp } from 'sharp';
import { decimal } from '../options/parse-arguments.js';
import { UsageError } from '../options/usage-error.js';
import {
  addControlOptions,
  type ControlOptions,
  checkControlOptions,
  controlFields,
} from './control-options.js';

/** Options of the commands that can begin with a picture. */
export interface PictureOptions extends ControlOptions {
  readonly image?: string;
  readonly mask?: string;
  readonly strength?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Pictures that were opened and not read yet; what was not given is undefined. */
export interface GivenPictures {
  readonly image: Sharp | undefined;
  readonly mask: Sharp | undefined;
  readonly control: Sharp | undefined;
  /** SHA-256 of their files. */
  readonly hashes: readonly string[];
}

type PictureFields = Partial<GenerationRequest>;

export function addPictureOptions(command: Command): Command {
  const changing = command
    .option(
      '--image <file>',
      'a picture to change: PNG, JPEG, WebP and others; scaled and cropped to the size',
    )
    .option('--mask <file>', 'white where the picture is to be painted, black where it stays')
    .option(
      '--strength <share>',
      'how much of the picture is changed, above 0, up to 1 (default: 0.8, with a mask 1)',
      decimal(0, 1),
    );
  return addControlOptions(changing);
}

/**
 * Looks into the files of pictures, before any model is loaded.
 * @throws UsageError for options that do not go together, CacheQuantError `storage` for what is no picture
 */
export async function openPictures(options: PictureOptions, cwd: string): Promise<GivenPictures> {
  for (const name of ['mask', 'strength'] as const) {
    if (options[name] === undefined || options.image !== undefined) continue;
    throw new UsageError(`option '--${name}' needs '--image <file>': there is no picture to change`);
  }
  checkControlOptions(options);
  const hashes: string[] = [];
  const open = async (path: string | undefined) => {
    if (path === undefined) return undefined;
    const { picture, hash } = await openPicture(resolve(cwd, path));
    hashes.push(hash);
    return picture;
  };
  return {
    image: await open(options.image),
    mask: await open(options.mask),
    control: await open(options.controlImage),
    hashes,
  };
}

export async function openPicture(path: string): Promise<{ picture: Sharp; hash: string }> {
  try {
    const bytes = await readFile(path);
    const picture = upright(bytes);
    await picture.metadata();
    return { picture, hash: createHash('sha256').update(bytes).digest('hex') };
  } catch (cause) {
    throw new CacheQuantError('storage', 'the picture cannot be read', {
      where: path,
      expected: 'a PNG, JPEG, WebP, GIF, TIFF or AVIF file',
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}

/**
 * The pictures at the size that will be made: what was asked for, else the model's where it has one alone, else that of
 * the picture, rounded down to what the model can make.
 */
export async function readPictures(
  { image, mask, control }: GivenPictures,
  options: PictureOptions,
  generator: Pick<Generator, 'denoiser' | 'folder'>,
): Promise<PictureFields> {
  const first = image ?? control;
  if (first === undefined) return {};
  const { strength, width, height } = options;
  const { autoOrient: own } = await first.metadata();
  const size = changedSize(generator, own, { width, height });
  return {
    ...size,
    ...(image && { image: await pixelsOf(image, size) }),
    ...(mask && { mask: await pixelsOf(mask, size) }),
    ...(strength !== undefined && { strength }),
    ...(await controlFields(control, size, options)),
  };
}
