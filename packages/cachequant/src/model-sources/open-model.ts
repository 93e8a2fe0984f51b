import type { HubProgress } from '@cachequant/hub';
import { CacheQuantError } from '@cachequant/tensor';
import type { CliIo } from '../io.js';
import { formatBytes } from '../print/format.js';
import type { Progress } from '../print/progress.js';
import { type OpenedModelSource, openModelSource } from './open-model-source.js';
import { parseEmbedding, parseLora, type SourceOptions } from './source-options.js';

/** Opens the model that a command was given, showing downloads and warnings. */
export async function openModel(
  given: string,
  { revision, lora = [], embedding = [], config, tokenizer, prediction }: SourceOptions,
  io: CliIo,
  progress: Progress,
): Promise<OpenedModelSource> {
  try {
    return await openModelSource(given, {
      cwd: io.cwd,
      revision,
      loras: lora.map(parseLora),
      embeddings: embedding.map(parseEmbedding),
      config,
      tokenizer,
      prediction,
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
 * Like `openModel`, for commands that need all parts of a model.
 * @throws CacheQuantError `invalid-argument` for a single graph
 */
export async function openWholeModel(
  given: string,
  options: SourceOptions,
  io: CliIo,
  progress: Progress,
): Promise<OpenedModelSource> {
  const opened = await openModel(given, options, io, progress);
  if (opened.graph === undefined) return opened;
  throw new CacheQuantError('invalid-argument', 'this is a file', {
    where: given,
    expected: 'a model folder or a bundle',
    hint: 'Give the folder that it lies in',
  });
}
