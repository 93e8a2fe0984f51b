import { resolve } from 'node:path';
import { createNodeRuntime } from '@cachequant/runtime-node';
import {
  ApiError,
  createFrontServer,
  createPictureServer,
  DEFAULT_LIMITS,
  type PictureServer,
  type ServerOptions,
  serveModel,
} from '@cachequant/server';
import { CacheQuantError } from '@cachequant/tensor';
import type { Command } from 'commander';
import { examples, type GlobalOptions } from '../command-context.js';
import { type CliIo, writeLines } from '../io.js';
import { NAMED_MODELS, openNamedModels } from '../model-sources/named-model.js';
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
import { readTextFile } from '../options/read-file.js';
import { UsageError } from '../options/usage-error.js';
import { stopOf } from '../stop-of.js';

interface ServeOptions extends GlobalOptions, QueueOptions, SourceOptions, DecoderCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly threads?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly queueLength: number;
  readonly deadline: number;
  readonly grace: number;
  readonly maxSteps: number;
  readonly maxPixels: number;
  readonly apiKeys?: string;
  readonly logPrompts?: boolean;
  readonly warmUpSteps?: number;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

export function addServe(command: Command, io: CliIo): void {
  const { queue, deadlineSeconds, steps, pixels } = DEFAULT_LIMITS;
  const [queueUrl, pictures] = queueOptionsOfEnvironment();
  command
    .description(
      "Serves bundles and models over HTTP: OpenAI's images API at /v1, AUTOMATIC1111's at /sdapi/v1, a page " +
        'at /, metrics at /metrics. One picture is generated at a time; other requests wait in a bounded queue. ' +
        'Ctrl-C and SIGTERM let the picture in progress finish. The log goes to stdout, one line of JSON per response.',
    )
    .argument('[models...]', `${NAMED_MODELS}; the first is the default`)
    .addOption(queueUrl.helpGroup('Workers on other machines, in place of models:'))
    .addOption(pictures.helpGroup('Workers on other machines, in place of models:'))
    .option('--host <address>', 'where to listen; 0.0.0.0 for every address of this machine', '127.0.0.1')
    .option('--port <number>', '0 takes any that is free', integer(0), 8080)
    .option('--threads <number>', 'processor threads to use', integer(1))
    .option(
      '--memory <size>',
      'the most memory that loaded models may use, such as 6GB; the one used last always stays',
      byteSize,
    )
    .option('--queue-length <number>', 'requests that may wait; further ones get 429', integer(1), queue)
    .option(
      '--deadline <seconds>',
      'from the arrival of a request to its last picture',
      decimal(1),
      deadlineSeconds,
    )
    .option('--grace <seconds>', 'for the picture in progress when the server stops', decimal(0), 25)
    .option('--max-steps <number>', 'the most steps that a request may ask for', integer(1), steps)
    .option(
      '--max-pixels <number>',
      'the most pixels (width times height) that a request may ask for',
      integer(1),
      pixels,
    )
    .option('--api-keys <file>', 'API keys, one per line; a request must send one of them')
    .option('--log-prompts', 'write prompts to the log')
    .option('--warm-up-steps <number>', 'steps of the warm-up picture', integer(1))
    .addHelpText(
      'after',
      examples([
        ['serve ./my-bundle', 'on http://127.0.0.1:8080, for this machine alone'],
        [
          'serve fashion=./fashion-bundle shoes=./shoe-bundle --memory 4GB --host 0.0.0.0 --api-keys ./keys.txt',
          'two models for a network, loaded when they are asked for',
        ],
        [
          'serve ./dreamshaper.safetensors --lora ./pixel-art.safetensors:0.8',
          'a file of weights with a LoRA',
        ],
        [
          'serve --queue redis://queue:6379 --pictures /shared/pictures',
          'a front to `cachequant worker` processes, which have the models',
        ],
      ]),
    )
    .action((given: readonly string[], _: unknown, command: Command) =>
      serve(given, command.optsWithGlobals<ServeOptions>(), io),
    );
  addSourceOptions(addDecoderOptions(command));
}

async function serve(given: readonly string[], options: ServeOptions, io: CliIo): Promise<void> {
  const { server, what } = await (options.queue === undefined
    ? localServer(given, options, io)
    : frontServer(given, options, io));
  try {
    const { address, ready } = await server.listen(options).catch(refuseAddress(options, '--port'));
    writeLines(io.stderr, [`${address} serves ${what}`]);
    if (!LOOPBACK.has(options.host) && options.apiKeys === undefined) {
      writeLines(io.stderr, [
        'warning: whoever reaches this address can generate pictures; --api-keys closes it',
      ]);
    }
    const stopped = stopOf(io.signal);
    await Promise.race([ready.catch(throwCause), stopped]);
    await stopped;
  } finally {
    await server.close({ graceSeconds: options.grace });
  }
}

interface Served {
  readonly server: PictureServer;
  readonly what: string;
}

async function localServer(given: readonly string[], options: ServeOptions, io: CliIo): Promise<Served> {
  if (given.length === 0) throw new UsageError("missing required argument 'models', or --queue");
  const openRuntime = () =>
    createNodeRuntime(options.threads === undefined ? {} : { threads: options.threads });
  const opened = await openNamedModels(given, options, io);
  const models = await Promise.all(
    opened.map(({ id, storage, tinyDecoder }) =>
      serveModel({ id, storage, tinyDecoder, openRuntime, ...decoderOptionsOf(options) }),
    ),
  );
  const server = createPictureServer({
    ...(await serverOptions(options, io)),
    models,
    memoryBytes: options.memory,
    warmUpSteps: options.warmUpSteps,
  });
  return { server, what: models.map(({ id }) => id).join(', ') };
}

async function frontServer(given: readonly string[], options: ServeOptions, io: CliIo): Promise<Served> {
  if (given.length > 0) throw new UsageError('with --queue, the workers have the models: give none');
  const place = requireQueueOptions(options);
  const { queueBackend } = await import('@cachequant/queue');
  const archive = await openArchive(place.pictures, io.cwd);
  const server = createFrontServer({
    ...(await serverOptions(options, io)),
    openBackend: (context) => queueBackend({ address: place.queue, archive }, context),
  });
  return { server, what: 'the models of workers' };
}

async function serverOptions(options: ServeOptions, io: CliIo): Promise<ServerOptions> {
  return {
    apiKeys: options.apiKeys === undefined ? [] : await readKeys(resolve(io.cwd, options.apiKeys)),
    logPrompts: options.logPrompts ?? false,
    logTo: io.stdout,
    limits: {
      queue: options.queueLength,
      deadlineSeconds: options.deadline,
      steps: options.maxSteps,
      pixels: options.maxPixels,
    },
  };
}

/** What a client must not know of a model that cannot be loaded is what its owner needs. */
function throwCause(error: unknown): never {
  throw error instanceof ApiError && error.cause !== undefined ? error.cause : error;
}

/** @throws CacheQuantError `invalid-argument` for a file without keys, which would let everybody in */
async function readKeys(path: string): Promise<string[]> {
  const keys = (await readTextFile(path))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (keys.length > 0) return keys;
  throw new CacheQuantError('invalid-argument', 'there are no keys in the file', {
    where: path,
    expected: 'a key on each line',
  });
}
