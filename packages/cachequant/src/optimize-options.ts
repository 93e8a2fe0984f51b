import { resolve } from 'node:path';
import type { OptimizeOptions } from '@cachequant/optimizer';
import { type Command, Option } from 'commander';
import type { GlobalOptions } from './command-context.js';
import { commaSeparated, decimal, integer } from './parse-arguments.js';
import { readPrompts } from './read-prompts.js';

/** Options of `optimize` that are passed on as they are. */
type PassedOptions = Omit<OptimizeOptions, 'prompts'>;

/** What the command line of `optimize` says. */
export interface OptimizeArguments extends GlobalOptions, PassedOptions {
  readonly out: string;
  /** A text file. */
  readonly prompts?: string;
  /** The plan.json of an earlier bundle. */
  readonly plan?: string;
  readonly threads?: number;
  readonly work?: string;
  readonly keepWork?: boolean;
  readonly dryRun?: boolean;
  /** Megabytes. */
  readonly shardSize?: number;
}

const PASSED = [
  'sampler',
  'steps',
  'guidanceScale',
  'width',
  'height',
  'recipe',
  'interval',
  'refreshes',
  'maxLatency',
  'minPsnr',
  'bits',
  'rounding',
  'target',
  'negativePrompt',
  'seed',
  'calibrationImages',
  'verificationImages',
  'effort',
  'schedule',
  'cacheCorrection',
  'guidance',
  'floatGraphs',
  'cut',
  'components',
  'decoderFloor',
  'keepFloat',
  'layers',
  'qualityFloor',
] as const satisfies readonly (keyof PassedOptions)[];

export function addOptimizeOptions(command: Command): Command {
  addGenerationSettings(command);
  addCacheSettings(command);
  return addRunSettings(command);
}

/** How the bundle will be used. */
function addGenerationSettings(command: Command): void {
  command
    .option('--sampler <name>', 'sampler to optimize for (default: that of the model)')
    .option('--steps <number>', 'steps of the sampler (default: as the model says, else 50)', integer(1))
    .option(
      '--guidance-scale <number>',
      'as the bundle will be used (default: as the model says, else 7.5)',
      decimal(0),
    )
    .option('--negative-prompt <text>', 'as the bundle will be used (default: empty)')
    .option('--width <pixels>', 'width of the pictures (default: that of the model)', integer(8))
    .option('--height <pixels>', 'height of the pictures (default: that of the model)', integer(8))
    .option('--prompts <file>', 'prompts to calibrate with, one a line (default: a built-in list)');
}

function addCacheSettings(command: Command): void {
  command
    .addOption(
      new Option(
        '--recipe <name>',
        'best: what measures best; paper: the published method, to compare with (default: best)',
      ).choices(['best', 'paper']),
    )
    .option(
      '--interval <calls>',
      'network calls per refresh of the cache, on average; 1 is no cache (default: 5)',
      integer(1),
    )
    .option(
      '--max-latency <ms>',
      'time one image may take; measures samplers, steps, intervals and precisions and takes the best that keeps to it',
      decimal(0),
    )
    .option(
      '--min-psnr <decibels>',
      "what pictures must keep against the original's; takes the fastest that does",
      decimal(0),
    )
    .option('--refreshes <number>', 'the exact number of refreshes, in place of the interval', integer(1))
    .addOption(
      new Option(
        '--schedule <kind>',
        'which calls refresh the cache; auto measures several (default: auto)',
      ).choices(['auto', 'uniform', 'quadratic', 'dp', 'forecast-dp']),
    )
    .addOption(
      new Option(
        '--cache-correction <kind>',
        'how cached features are corrected; auto: as a forecast, unless plain reuse measures better (default: auto)',
      ).choices(['auto', 'none', 'paper', 'forecast']),
    )
    .addOption(
      new Option(
        '--guidance <kind>',
        'the unconditional half at cached calls; auto: forecast, unless computing it measures better (default: auto)',
      ).choices(['auto', 'computed']),
    )
    .addOption(
      new Option(
        '--float-graphs <when>',
        'graphs in float over the same weights, for WebGPU; auto: where they are at most a tenth of the denoiser (default: auto)',
      ).choices(['auto', 'always', 'never']),
    )
    .option('--cut <id>', 'where to cut, as `cachequant inspect` names it (default: the first)')
    .addOption(
      new Option(
        '--bits <bits>',
        'weights and activations as integers, or the cache alone (default: w8a8)',
      ).choices(['w8a8', 'w4a8', 'none']),
    )
    .addOption(
      new Option(
        '--rounding <kind>',
        'of 4-bit weights: by the second moments of what their layers see, or each to its nearest level (default: second-order)',
      ).choices(['second-order', 'nearest']),
    )
    .addOption(
      new Option(
        '--target <processors>',
        'portable: weights within 7 bits, exact on every x64 processor; vnni: all 8 bits (default: portable)',
      ).choices(['portable', 'vnni']),
    )
    .addOption(
      new Option(
        '--components <how>',
        'decoder and text encoder: auto takes them to integers where that pays (default: auto)',
      ).choices(['auto', 'keep']),
    )
    .option(
      '--decoder-floor <decibels>',
      "least PSNR of the decoder's pictures against the float one's (default: 45)",
      decimal(0),
    )
    .option(
      '--keep-float <names>',
      'layers to leave in float: parts of their names, with commas',
      commaSeparated,
    )
    .addOption(
      new Option(
        '--layers <how>',
        'measured: layers that are slower or too inexact in integers stay in float; all: none does (default: measured)',
      ).choices(['measured', 'all']),
    )
    .option(
      '--quality-floor <decibels>',
      "least signal to noise of the integer network's predictions, before layers go back to float for it (default: 25)",
      decimal(0),
    )
    .option(
      '--plan <file>',
      'the plan.json of an earlier bundle of this model: do as it says, without measuring anew',
    );
}

function addRunSettings(command: Command): Command {
  return command
    .addOption(
      new Option('--effort <effort>', 'how much is tried and measured (default: normal)').choices([
        'fast',
        'normal',
        'thorough',
      ]),
    )
    .option('--calibration-images <number>', 'images to calibrate with (default: by effort)', integer(1))
    .option('--verification-images <number>', 'images to compare at the end (default: by effort)', integer(1))
    .option(
      '--shard-size <megabytes>',
      "largest file of the denoiser's weights, for static hosts with a limit (default: one file)",
      decimal(0),
    )
    .option('--seed <number>', 'another one takes other images (default: 0)', integer(0))
    .option('--threads <number>', 'processor threads to use', integer(1))
    .option('--work <folder>', 'where intermediate results go (default: <bundle>.work)')
    .option('--keep-work', 'keep them when the bundle is done')
    .option('--dry-run', 'only say what it would take: time, disk, memory');
}

/** The options for the library; what was not given is left out. */
export async function libraryOptions(given: OptimizeArguments, cwd: string): Promise<OptimizeOptions> {
  const passed = Object.fromEntries(
    PASSED.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]),
  ) as PassedOptions;
  return given.prompts === undefined
    ? passed
    : { ...passed, prompts: await readPrompts(resolve(cwd, given.prompts)) };
}
