import type { ModelFolder } from '@cachequant/pipeline';
import type { Storage } from '@cachequant/tensor';
import { parseJson, readText } from '@cachequant/tensor';
import { z } from 'zod';
import type { SizeHints } from './input-dims.js';

const size = z.number().int().positive();

const configSchema = z.looseObject({
  sample_size: z.union([size, z.tuple([size, size])]).nullish(),
  in_channels: size.nullish(),
  cross_attention_dim: z.union([size, z.array(size)]).nullish(),
});

/** What the `config.json` beside a single graph says; nothing when it has another form. */
export async function hintsBeside(storage: Storage): Promise<SizeHints> {
  if (!(await storage.stat('config.json'))) return {};
  return hintsOf(parseOptional(await readText(storage, 'config.json')));
}

/** What a model folder says of its denoiser. */
export function hintsOfFolder({ denoiser, textEncoder }: ModelFolder): SizeHints {
  return {
    ...hintsOf(denoiser.config),
    promptLength: textEncoder?.config.max_position_embeddings ?? undefined,
  };
}

function hintsOf(config: unknown): SizeHints {
  const { data } = configSchema.safeParse(config);
  const sampleSize = data?.sample_size ?? undefined;
  const textWidth = data?.cross_attention_dim ?? undefined;
  return {
    sampleSize: typeof sampleSize === 'number' ? [sampleSize, sampleSize] : sampleSize,
    channels: data?.in_channels ?? undefined,
    textWidth: typeof textWidth === 'number' ? textWidth : textWidth?.[0],
  };
}

function parseOptional(text: string): unknown {
  try {
    return parseJson(text, 'config.json');
  } catch {
    return undefined;
  }
}
