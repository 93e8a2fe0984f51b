import { resolve } from 'node:path';
import {
  featureDistancesInPieces,
  type PlanOptions,
  planRefreshesInPieces,
  scheduleCost,
  uniformSchedule,
} from '@cachequant/scheduler';
import { CacheQuantError, finishUnlessAborted } from '@cachequant/tensor';
import type { Command } from 'commander';
import { z } from 'zod';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeJson, writeLines } from '../io.js';
import { integer } from '../options/parse-arguments.js';
import { readJsonFile } from '../options/read-file.js';
import { type ScheduleComparison, scheduleLines } from '../print/print-schedule.js';

const featureSchema = z.object({ features: z.array(z.array(z.number())).min(1) });

interface ScheduleOptions extends GlobalOptions {
  readonly interval?: number;
  readonly refreshes?: number;
}

export function addSchedule(command: Command, io: CliIo): void {
  command
    .description(
      'Chooses the network calls at which a feature cache is refreshed, exactly, by dynamic programming over ' +
        'the L1 distances of the features.',
    )
    .argument('<features.json>', 'a file {"features": number[][]}: one row per network call, in order')
    .option(
      '--interval <calls>',
      'calls per refresh on average; ceil(calls / interval) refreshes',
      integer(1),
    )
    .option('--refreshes <number>', 'the exact number of refreshes', integer(1))
    .addHelpText(
      'after',
      examples([
        ['schedule features.json --interval 5', 'one refresh in five calls on average'],
        ['schedule features.json --refreshes 8 --json', 'exactly eight, for a program'],
      ]),
    )
    .action((file: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<ScheduleOptions>();
      if (options.interval === undefined && options.refreshes === undefined) {
        command.error('error: give --interval, --refreshes, or both');
      }
      return schedule(file, options, io);
    });
}

async function schedule(file: string, options: ScheduleOptions, io: CliIo): Promise<void> {
  const { features } = await readJsonFile(resolve(io.cwd, file), featureSchema);
  requireFeatures(file, features);
  const { interval, refreshes } = options;
  const calls = features.length;
  // Groups are at most twice the interval long; without one they may be as long as the trajectory.
  const window = interval === undefined ? calls : Math.min(2 * interval, calls);
  const distances = await finishUnlessAborted(featureDistancesInPieces(features, { window }), io.signal);
  const planOptions = {
    ...(interval !== undefined && { interval }),
    ...(refreshes !== undefined && { refreshes }),
  } as PlanOptions;
  const plan = await finishUnlessAborted(planRefreshesInPieces(distances, planOptions), io.signal);
  const uniformSteps = uniformSchedule(distances.calls, plan.refreshes);
  const comparison: ScheduleComparison = {
    calls: distances.calls,
    refreshCalls: plan.refreshCalls,
    cost: plan.cost,
    uniform: { refreshCalls: uniformSteps, cost: scheduleCost(distances, uniformSteps) },
  };
  if (options.json) writeJson(io, comparison);
  else writeLines(io.stdout, scheduleLines(comparison));
}

function requireFeatures(where: string, features: readonly (readonly number[])[]): void {
  if (features[0]!.length > 0) return;
  throw new CacheQuantError('invalid-argument', 'the rows are empty', {
    where,
    expected: 'at least one number a call',
  });
}
