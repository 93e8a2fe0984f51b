import type { HubProgress } from '@cachequant/hub';
import { readModel } from '@cachequant/onnx';
import { type InputOrigin, isBundle, loneModel, withTinyDecoder } from '@cachequant/pipeline';
import { usualRole } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import type { CliIo } from '../io.js';
import { formatBytes } from '../print/format.js';
import type { Progress } from '../print/progress.js';
import { bundleInputs } from './bundle-inputs.js';
import { namedInputs } from './named-inputs.js';
import { type ModelSourceRequest, type OpenedModelSource, openModelSource } from './open-model-source.js';
import {
  givenParts,
  type Prediction,
  parseEmbedding,
  parseLora,
  type SourceOptions,
} from './source-options.js';

/**
 * Opens the model that a command was given, showing downloads and warnings.
 * @param how.incomplete for commands that run nothing, and take a single file without all of its parts
 */
export async function openModel(
  given: string,
  options: SourceOptions,
  io: CliIo,
  progress: Progress,
  how: Pick<ModelSourceRequest, 'incomplete'> = {},
): Promise<OpenedModelSource> {
  const { revision, lora = [], embedding = [], controlnet, config, tokenizer, prediction } = options;
  try {
    return await openModelSource(given, {
      ...how,
      cwd: io.cwd,
      revision,
      loras: lora.map(parseLora),
      embeddings: embedding.map(parseEmbedding),
      controlnet,
      config,
      tokenizer,
      parts: givenParts(options),
      prediction: checkpointPrediction(given, prediction),
      signal: io.signal,
      onDownload: (download) => showDownload(download, progress),
      onWarning: (warning) => progress.note(`warning: ${warning}`),
    });
  } finally {
    progress.stop();
  }
}

function showDownload(
  { receivedBytes, totalBytes, remainingSeconds }: HubProgress,
  progress: Progress,
): void {
  progress.update('downloading', receivedBytes, totalBytes, { format: formatBytes, remainingSeconds });
}

/**
 * Like `openModel`, for commands that need all parts of a model: a single ONNX graph is shown as a folder.
 * @param feeds what inputs of such a graph take that no option names
 * @throws CacheQuantError `invalid-argument` for a graph whose inputs are not all known
 */
export async function openWholeModel(
  given: string,
  options: SourceOptions,
  io: CliIo,
  progress: Progress,
  feeds: Readonly<Record<string, InputOrigin>> = {},
): Promise<OpenedModelSource> {
  const { input, output, prediction, ...others } = options;
  const isLone = input !== undefined || output !== undefined || isGraph(given);
  const opened = await openModel(given, isLone ? others : options, io, progress);
  if (!isLone) return withTiny(opened, options, io, progress);
  const fed = await bundleInputs(opened.storage, input, io.cwd);
  if (fed !== undefined) return withTiny({ ...opened, inputs: fed }, options, io, progress);
  const { storage, graph = LONE_GRAPH } = opened;
  const named = await namedInputs(input ?? [], { storage, graph, cwd: io.cwd });
  const inputs = { ...(await unnamedFeeds({ storage, graph }, feeds, named)), ...named };
  return {
    ...opened,
    storage: await loneModel(storage, { graph, inputs, output, prediction }),
    graph: undefined,
  };
}

/** Feeds for inputs of the graph, without what is its sample or its time by its name. */
async function unnamedFeeds(
  { storage, graph }: { readonly storage: Storage; readonly graph: string },
  feeds: Readonly<Record<string, InputOrigin>>,
  named: Readonly<Record<string, InputOrigin>>,
): Promise<Record<string, InputOrigin>> {
  if (Object.keys(feeds).length === 0) return {};
  const { inputs } = (await readModel(storage, graph)).graph;
  const roles = new Set<string>(Object.values(named).map(({ from }) => from));
  const isSampled = (role: string | undefined) => role !== undefined && !roles.has(role);
  const isFed = (name: string) => !isSampled(usualRole(name)) && inputs.some((input) => input.name === name);
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => isFed(name)));
}

/** A bundle is opened as it was checked, and takes the decoder beside it. */
async function withTiny(
  opened: OpenedModelSource,
  { tinyDecoder }: SourceOptions,
  io: CliIo,
  progress: Progress,
): Promise<OpenedModelSource> {
  if (tinyDecoder === undefined) return opened;
  const tiny = await openTinyDecoder(tinyDecoder, io, progress);
  const { storage } = opened;
  if (await isBundle(storage)) {
    // Refuses what is none before anything is loaded.
    await withTinyDecoder(storage, tiny);
    return { ...opened, tinyDecoder: tiny };
  }
  return { ...opened, storage: await withTinyDecoder(storage, tiny) };
}

async function openTinyDecoder(given: string, io: CliIo, progress: Progress): Promise<Storage> {
  const { storage, graph } = await openModel(given, {}, io, progress);
  if (graph === undefined) return storage;
  throw new CacheQuantError('invalid-argument', 'this is a file', {
    where: '--tiny-decoder',
    expected: 'the folder of an AutoencoderTiny, or its id on the Hub',
    got: given,
  });
}

const LONE_GRAPH = 'model.onnx';

function isGraph(given: string): boolean {
  return given.toLowerCase().endsWith('.onnx');
}

/** Single files of weights tell apart these two alone. */
function checkpointPrediction(given: string, prediction: Prediction | undefined) {
  if (prediction === undefined || prediction === 'epsilon' || prediction === 'v_prediction')
    return prediction;
  throw new CacheQuantError('invalid-argument', 'checkpoints predict noise or velocity', {
    where: '--prediction',
    expected: 'epsilon or v_prediction, or a single ONNX graph',
    got: `${prediction} for ${given}`,
  });
}
