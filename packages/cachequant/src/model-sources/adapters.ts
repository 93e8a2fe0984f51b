import { basename, dirname } from 'node:path';
import {
  mergeLoras,
  openLora,
  openWeightFile,
  type WeightedLora,
  type WeightSource,
} from '@cachequant/checkpoint';
import { nodeStorage } from '@cachequant/runtime-node';
import { openSource } from '@cachequant/tensor';
import { findWeightFile } from './find-weight-file.js';
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
    const path = await findWeightFile(file, { ...context, option: '--lora', holds: 'a LoRA' });
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
