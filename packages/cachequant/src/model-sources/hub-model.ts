import { type CachedModel, checkModelId, downloadModel, HubError } from '@cachequant/hub';
import type { SourceContext } from './source-context.js';

/** `owner/name`, as the Hub calls its models; a path that was misspelled looks different more often than not. */
export function isModelId(given: string): boolean {
  if (!given.includes('/') || /\.(onnx|safetensors|gguf|ckpt|bin|pt|json)$/i.test(given)) return false;
  try {
    checkModelId(given);
    return true;
  } catch {
    return false;
  }
}

interface FetchOptions extends SourceContext {
  /** Only these; left out: what a model needs. */
  readonly files?: readonly string[];
  /** Whether nobody wrote the id, so that it cannot have been meant as a path. */
  readonly quiet?: boolean;
}

/**
 * Fetches a model of the Hub into the cache that Python shares.
 * @param path where a file of this name was looked for first, for messages
 * @throws HubError
 */
export async function fetchModel(
  id: string,
  path: string,
  { revision, files, quiet, signal, onDownload, onWarning }: FetchOptions,
): Promise<CachedModel> {
  try {
    const model = await downloadModel(id, {
      ...(revision !== undefined && { revision }),
      ...(files && { files }),
      ...(signal && { signal }),
      ...(onDownload && { onProgress: onDownload }),
    });
    if (model.stale && process.env.HF_HUB_OFFLINE === undefined) {
      onWarning?.(
        `the Hub cannot be reached: ${id} is taken as it was fetched before (${model.commit.slice(0, 12)})`,
      );
    }
    return model;
  } catch (error) {
    // The person may have meant a path.
    if (error instanceof HubError && !quiet)
      onWarning?.(`there is no ${path}, so '${id}' was looked for on the Hub`);
    throw error;
  }
}
