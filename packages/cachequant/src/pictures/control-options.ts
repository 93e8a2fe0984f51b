import type { RgbImage } from '@cachequant/evaluate';
import type { GenerationRequest } from '@cachequant/pipeline';
import { pixelsOf } from '@cachequant/server/internals';
import type { Command } from 'commander';
import type { Sharp } from 'sharp';
import { decimal } from '../options/parse-arguments.js';
import { UsageError } from '../options/usage-error.js';

/** Options of the commands that make pictures with a ControlNet. */
export interface ControlOptions {
  readonly controlImage?: string;
  readonly controlScale?: number;
  readonly controlStart?: number;
  readonly controlEnd?: number;
  readonly guessMode?: boolean;
}

/** What goes into a picture's metadata. */
export const CONTROL_SETTINGS = ['controlScale', 'controlStart', 'controlEnd', 'guessMode'] as const;

const MOST_CONTROL = 10;

export function addControlOptions(command: Command): Command {
  return command
    .option(
      '--control-image <file>',
      'what a ControlNet follows: edges, depths, a pose; scaled and cropped to the size',
    )
    .option(
      '--control-scale <number>',
      'how closely it is followed (default: 1, or as the bundle was made)',
      decimal(0, MOST_CONTROL),
    )
    .option('--control-start <share>', 'share of the network calls after which it is followed', decimal(0, 1))
    .option('--control-end <share>', 'share of the network calls up to which it is followed', decimal(0, 1))
    .option('--guess-mode', 'let the ControlNet lead where there is no prompt');
}

/** @throws UsageError for options that do not go together */
export function checkControlOptions(options: ControlOptions): void {
  const lone = CONTROL_SETTINGS.find((name) => options[name] !== undefined);
  if (lone === undefined || options.controlImage !== undefined) return;
  const flag = lone.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`option '--${flag}' needs '--control-image <file>': there is nothing to follow`);
}

/** The fields of a request. */
export async function controlFields(
  image: Sharp | undefined,
  size: { readonly width: number; readonly height: number },
  options: ControlOptions,
): Promise<Partial<GenerationRequest>> {
  if (image === undefined) return {};
  const controlImage: RgbImage = await pixelsOf(image, size);
  const settings = CONTROL_SETTINGS.map((name) => [name, options[name]] as const);
  return { controlImage, ...Object.fromEntries(settings.filter(([, value]) => value !== undefined)) };
}
