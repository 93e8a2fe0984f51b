import { resolve } from 'node:path';
import { type OptimizeOptions, type OptionGroup, type OptionLine, optionLines } from '@cachequant/optimizer';
import { type Command, Option } from 'commander';
import type { GlobalOptions } from '../command-context.js';
import type { SourceOptions } from '../model-sources/source-options.js';
import { commaSeparated, decimal, integer, integers, repeated } from './parse-arguments.js';
import { readPrompts } from './read-prompts.js';
import { type ShardArguments, shardOf } from './shards.js';

/** Options of `optimize` that are passed on as they are. */
type PassedOptions = Omit<OptimizeOptions, 'prompts'>;

/** What the command line of `optimize` says. */
export interface OptimizeArguments extends GlobalOptions, SourceOptions, ShardArguments, PassedOptions {
  readonly out: string;
  /** A text file. */
  readonly prompts?: string;
  /** Pictures, and folders of pictures. */
  readonly controlImage?: readonly string[];
  /** A folder of archives of NumPy. */
  readonly calibration?: string;
  /** The plan.json of an earlier bundle. */
  readonly plan?: string;
  readonly threads?: number;
  readonly work?: string;
  readonly keepWork?: boolean;
  readonly dryRun?: boolean;
  /** Megabytes. */
  readonly shardSize?: number;
}

const HEADINGS: Readonly<Record<OptionGroup, string>> = {
  everyday: 'Everyday:',
  cache: 'Cache:',
  integers: 'Integers:',
  measuring: 'Measuring:',
};

/** The options of the library, as it defines them, and those of the command line alone. */
export function addOptimizeOptions(command: Command): Command {
  for (const line of optionLines()) command.addOption(asOption(line));
  return addRunSettings(command);
}

function asOption({ flag, help, group, value }: OptionLine): Option {
  const option = new Option(flag, help).helpGroup(HEADINGS[group]);
  switch (value.kind) {
    case 'choice':
      return option.choices([...value.choices]);
    case 'integer':
      return option.argParser(integer(value.least, value.most));
    case 'integers':
      return option.argParser(integers(value.least));
    case 'number':
      return option.argParser(decimal(value.least, value.most));
    case 'names':
      return option.argParser(commaSeparated);
    case 'text':
      return option;
  }
}

function addRunSettings(command: Command): Command {
  return command
    .optionsGroup('This run:')
    .option('--prompts <file>', 'prompts to calibrate with, one per line (default: a built-in list)')
    .option(
      '--control-image <file-or-folder>',
      'what the ControlNet follows while calibrating, best as you will use it; may be given several times',
      repeated,
    )
    .option(
      '--calibration <folder>',
      'what to condition calibration images on: .npz files, one for each image, with arrays by the names of the inputs',
    )
    .option(
      '--plan <file>',
      'the plan.json of an earlier bundle of this model: reuse its decisions instead of measuring again',
    )
    .option(
      '--shard-size <megabytes>',
      "largest file of the denoiser's weights, for static hosts with a limit (default: one file)",
      decimal(0),
    )
    .option(
      '--shard <i/n>',
      'only observe the i-th of n shares of the calibration images, beside the work folder; then --merge',
      shardOf,
    )
    .option(
      '--merge [folders...]',
      'make the bundle of what all shards observed (default: those beside the work folder)',
    )
    .option('--threads <number>', 'processor threads to use', integer(1))
    .option('--work <folder>', 'where intermediate results go (default: <bundle>.work)')
    .option('--keep-work', 'keep them when the bundle is done')
    .option('--dry-run', 'only estimate the time, disk and memory it would take');
}

/** The options for the library; what was not given is left out. */
export async function libraryOptions(given: OptimizeArguments, cwd: string): Promise<OptimizeOptions> {
  const passed = Object.fromEntries(
    optionLines().flatMap(({ name }) => {
      const value = (given as PassedOptions)[name as keyof PassedOptions];
      return value === undefined ? [] : [[name, value]];
    }),
  ) as PassedOptions;
  return given.prompts === undefined
    ? passed
    : { ...passed, prompts: await readPrompts(resolve(cwd, given.prompts)) };
}
