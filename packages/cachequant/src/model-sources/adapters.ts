import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  mergeLoras,
  openLora,
  openWeightFile,
  type WeightedLora,
  type WeightSource,
} from '@cachequant/checkpoint';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, openSource } from '@cachequant/tensor';
import { fetchModel, isModelId } from './hub-model.js';
import type { ModelOrigin } from './model-origin.js';
import type { SourceContext } from './source-context.js';
import type { NamedLora } from './source-options.js';

/** LoRAs that were opened: how they change a model's weights, and what to say of them. */
export interface OpenedAdapters {
  readonly adapt: (weights: ReadonlyMap<string, WeightSource>) => ReadonlyMap<string, WeightSource>;
  readonly origin: NonNullable<ModelOrigin['adapters']>;
  /** Differs when the files or their weights do. */
  readonly description: string;
}

/** Names of a LoRA that are told one by one. */
const MOST_NAMES = 5;

/**
 * Opens LoRAs: files, or ids of the Hub with one file of weights.
 * @throws CacheQuantError `storage` for a file that is not there, and as `openLora` does
 */
export async function openAdapters(
  loras: readonly NamedLora[],
  context: SourceContext,
): Promise<OpenedAdapters> {
  const opened: WeightedLora[] = [];
  const described: { name: string; strength: number; sha256: string }[] = [];
  for (const { file, strength } of loras) {
    const path = await findFile(file, context);
    const storage = nodeStorage(dirname(path));
    const weights = await openWeightFile(await openSource(storage, basename(path)));
    opened.push({ lora: await openLora(weights, weights.metadata), strength, name: file });
    described.push({ name: basename(file), strength, sha256: await storage.hash!(basename(path)) });
  }
  return {
    origin: described.map(({ name, strength }) => ({ name, strength })),
    description: `${JSON.stringify(described, null, 2)}\n`,
    adapt: (weights) => {
      const { components, reports } = mergeLoras(weights, opened);
      for (const [i, { applied, unknown }] of reports.entries()) {
        if (unknown.length > 0) context.onWarning?.(describeUnknown(loras[i]!.file, applied, unknown));
      }
      return components;
    },
  };
}

function describeUnknown(file: string, applied: number, unknown: readonly string[]): string {
  const shown = unknown.slice(0, MOST_NAMES).join(', ');
  const more = unknown.length > MOST_NAMES ? ` and ${unknown.length - MOST_NAMES} more` : '';
  return `${file}: added to ${applied} layers; the model has no layer for ${shown}${more}`;
}

async function findFile(file: string, context: SourceContext): Promise<string> {
  const path = resolve(context.cwd, file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return path;
  if (found === undefined && isModelId(file)) {
    const { revision: _, ...ofModel } = context;
    const { folder, files } = await fetchModel(file, path, ofModel);
    const weights = files.filter((name) => name.endsWith('.safetensors'));
    if (weights.length === 1) return join(folder, weights[0]!);
  }
  throw new CacheQuantError('storage', found ? 'this is a folder' : 'there is no such file', {
    where: `--lora ${file}`,
    expected: 'a .safetensors file with a LoRA, or the id of one on the Hugging Face Hub',
    ...(path !== file && { got: path }),
  });
}
