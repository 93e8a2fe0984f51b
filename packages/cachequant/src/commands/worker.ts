import type { WorkerModel } from '@cachequant/queue';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { serveModel } from '@cachequant/server';
import type { Command } from 'commander';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeLines } from '../io.js';
import { modelIdentity } from '../model-sources/model-identity.js';
import { NAMED_MODELS, type NamedModel, openNamedModels } from '../model-sources/named-model.js';
import { addSourceOptions, type SourceOptions } from '../model-sources/source-options.js';
import {
  addDecoderOptions,
  type DecoderCommandOptions,
  decoderOptionsOf,
} from '../options/decoder-options.js';
import { refuseAddress } from '../options/listen-address.js';
import { byteSize, decimal, integer } from '../options/parse-arguments.js';
import {
  openArchive,
  type QueueOptions,
  queueOptionsOfEnvironment,
  requireQueueOptions,
} from '../options/queue-options.js';
import { stopOf } from '../stop-of.js';

interface WorkerOptions extends GlobalOptions, QueueOptions, SourceOptions, DecoderCommandOptions {
  readonly threads?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly grace: number;
  readonly takeover: number;
  readonly logPrompts?: boolean;
  readonly warmUpSteps?: number;
  readonly healthPort?: number;
  readonly healthHost: string;
}

export function addWorker(command: Command, io: CliIo): void {
  const [queue, pictures] = queueOptionsOfEnvironment();
  command
    .description(
      'Generates the pictures that `serve --queue` and `generate --prompts --queue` ask for, one at a time. Run as many as ' +
        'there are machines: one of them makes a picture, and another if that one stops. Ctrl-C and SIGTERM ' +
        'let the picture in progress finish. The log goes to stdout, as JSON.',
    )
    .argument('<models...>', NAMED_MODELS)
    .addOption(queue)
    .addOption(pictures)
    .option('--threads <number>', 'processor threads to use', integer(1))
    .option('--memory <size>', 'the most memory that loaded models may use, such as 6GB', byteSize)
    .option('--grace <seconds>', 'for the picture in progress when the worker stops', decimal(0), 25)
    .option(
      '--takeover <seconds>',
      'after which the picture of a worker that is gone goes to another',
      decimal(1),
      30,
    )
    .option('--log-prompts', 'write prompts to the log')
    .option('--warm-up-steps <number>', 'steps of the warm-up picture', integer(1))
    .option(
      '--health-port <number>',
      'answer /healthz, /readyz and /metrics on this port; 0 takes any that is free',
      integer(0),
    )
    .option(
      '--health-host <address>',
      'where --health-port listens; 0.0.0.0 for every address of this machine',
      '127.0.0.1',
    )
    .addHelpText(
      'after',
      examples([
        [
          'worker ./my-bundle --queue redis://queue:6379 --pictures /shared/pictures',
          'pictures to a folder that all machines have',
        ],
        [
          'worker fashion=./fashion-bundle --queue rediss://queue:6379 --pictures s3://pictures/fashion',
          'to a store that speaks S3',
        ],
        [
          'worker ./my-bundle --health-port 8080 --health-host 0.0.0.0',
          'with probes and metrics for a cluster; CACHEQUANT_QUEUE and CACHEQUANT_PICTURES say the rest',
        ],
      ]),
    )
    .action((given: readonly string[], _: unknown, command: Command) =>
      work(given, command.optsWithGlobals<WorkerOptions>(), io),
    );
  addSourceOptions(addDecoderOptions(command));
}

async function work(given: readonly string[], options: WorkerOptions, io: CliIo): Promise<void> {
  const place = requireQueueOptions(options);
  const opened = await openNamedModels(given, options, io);
  const models = await Promise.all(opened.map((model) => workerModel(model, options, io)));
  const { startQueueWorker } = await import('@cachequant/queue');
  const { healthHost: host, healthPort: port } = options;
  const health = port === undefined ? undefined : { host, port };
  const worker = await startQueueWorker({
    address: place.queue,
    archive: await openArchive(place.pictures, io.cwd),
    models,
    memoryBytes: options.memory,
    warmUpSteps: options.warmUpSteps,
    takeoverSeconds: options.takeover,
    logPrompts: options.logPrompts ?? false,
    logTo: io.stdout,
    health,
    signal: io.signal,
  }).catch(health === undefined ? rethrow : refuseAddress(health, '--health-port'));
  try {
    writeLines(io.stderr, [
      `generates with ${models.map(({ served }) => served.id).join(', ')}`,
      ...(worker.healthAddress === undefined ? [] : [`health and metrics at ${worker.healthAddress}`]),
    ]);
    await stopOf(io.signal);
  } finally {
    await worker.close({ graceSeconds: options.grace });
  }
}

function rethrow(error: unknown): never {
  throw error;
}

async function workerModel(
  { id, storage, tinyDecoder, origin }: NamedModel,
  options: WorkerOptions,
  io: CliIo,
): Promise<WorkerModel> {
  const { threads } = options;
  const { model, sampler } = await modelIdentity({ storage, origin: { ...origin, name: id } }, io.signal);
  const openRuntime = () => createNodeRuntime(threads === undefined ? {} : { threads });
  const decoding = { tinyDecoder, ...decoderOptionsOf(options) };
  return { served: await serveModel({ id, storage, openRuntime, ...decoding }), identity: model, sampler };
}
