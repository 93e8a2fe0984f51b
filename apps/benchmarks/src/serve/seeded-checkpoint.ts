import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { nodeStorage } from '@cachequant/runtime-node';
import {
  type Storage,
  TorchGenerator,
  throwIfAborted,
  toBytes,
  toFloat16,
  writeFile,
} from '@cachequant/tensor';
import { z } from 'zod';
import { SCHEDULER_CONFIG } from '../build-model.js';
import { ROOT } from '../paths.js';

const FULL_SIZE = path.join(ROOT, 'fixtures/architectures/full-size');
const TOKENIZER = path.join(ROOT, 'models/fashion-sd/tokenizer');

const partSchema = z.object({
  className: z.string(),
  config: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), z.array(z.int().positive())),
});

/** Folders of diffusers, what they hold, and how files call parameters otherwise than classes do. */
const PARTS = [
  { folder: 'unet', of: 'sd-1.5-unet', file: 'diffusion_pytorch_model.safetensors', prefix: '' },
  { folder: 'vae', of: 'sd-1.5-vae', file: 'diffusion_pytorch_model.safetensors', prefix: '' },
  { folder: 'text_encoder', of: 'sd-1.5-text-encoder', file: 'model.safetensors', prefix: 'text_model.' },
] as const;

const INDEX = {
  _class_name: 'StableDiffusionPipeline',
  scheduler: ['diffusers', 'EulerDiscreteScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
};

/** Tokens of a prompt. */
const LENGTH = 77;

/**
 * Makes a folder as diffusers saves Stable Diffusion 1.5, once: safetensors of its parameters in float16, with normal
 * numbers of a seed in place of what was trained. Both servers read it. The tokenizer is that of the example model, with
 * 77 tokens: any ids do.
 */
export async function seededCheckpoint(
  folder: string,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<Storage> {
  const storage = nodeStorage(folder);
  for (const [i, { folder: part, of, file, prefix }] of PARTS.entries()) {
    const model = partSchema.parse(
      JSON.parse(gunzipSync(readFileSync(path.join(FULL_SIZE, `${of}.json.gz`))).toString()),
    );
    await writeFile(storage, `${part}/config.json`, JSON.stringify(model.config));
    const named = Object.entries(model.parameters).map(([name, dims]) => [prefix + name, dims] as const);
    log(`weights of ${part}`);
    await writeWeights(storage, `${part}/${file}`, named, i, signal);
  }
  const scheduler = {
    ...SCHEDULER_CONFIG,
    _class_name: 'EulerDiscreteScheduler',
    timestep_spacing: 'leading',
  };
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(scheduler));
  await writeFile(storage, 'tokenizer/tokenizer.json', readFileSync(path.join(TOKENIZER, 'tokenizer.json')));
  const words = JSON.parse(readFileSync(path.join(TOKENIZER, 'tokenizer_config.json'), 'utf8'));
  await writeFile(
    storage,
    'tokenizer/tokenizer_config.json',
    JSON.stringify({ ...words, model_max_length: LENGTH }),
  );
  await writeFile(storage, 'model_index.json', JSON.stringify(INDEX));
  return storage;
}

type Parameter = readonly [name: string, dims: readonly number[]];

const HALF = 2;

async function writeWeights(
  storage: Storage,
  file: string,
  parameters: readonly Parameter[],
  seed: number,
  signal: AbortSignal,
): Promise<void> {
  let end = 0;
  const header: Record<string, object> = {};
  for (const [name, dims] of parameters) {
    const start = end;
    end += HALF * count(dims);
    header[name] = { dtype: 'F16', shape: dims, data_offsets: [start, end] };
  }
  const text = JSON.stringify(header);
  const bytes = new TextEncoder().encode(text.padEnd(8 * Math.ceil(text.length / 8)));
  const size = 8 + bytes.length + end;
  if ((await storage.stat(file))?.size === size) return;
  const length = new DataView(new ArrayBuffer(8));
  length.setBigUint64(0, BigInt(bytes.length), true);
  const weights = new HalfWeights(seed);
  const writer = await storage.create(file);
  try {
    await writer.write(new Uint8Array(length.buffer));
    await writer.write(bytes);
    for (const [i, [name, dims]] of parameters.entries()) {
      throwIfAborted(signal);
      await writer.write(toBytes(weights.of(name, dims, i)));
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function count(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

const TABLE = 1 << 20;

/** What a network of its kind begins its training with, or near it: norms of 1, biases of 0, the rest normal. */
class HalfWeights {
  readonly #normal: Float32Array;
  /** By their standard deviation, of which there are few. */
  readonly #tables = new Map<number, Uint16Array>();

  constructor(seed: number) {
    this.#normal = new TorchGenerator(seed).randn(TABLE);
  }

  of(name: string, dims: readonly number[], position: number): Uint16Array {
    const size = count(dims);
    if (dims.length === 1) return toFloat16(new Float32Array(size).fill(name.endsWith('.weight') ? 1 : 0));
    const fanIn = dims.slice(1).reduce((product, dim) => product * dim, 1);
    const deviation = /embedding/.test(name) ? 0.02 : 1 / Math.sqrt(fanIn);
    const table = this.#tables.get(deviation) ?? toFloat16(this.#normal.map((value) => value * deviation));
    this.#tables.set(deviation, table);
    const values = new Uint16Array(size);
    // Another part of the table for each tensor.
    const first = (position * 104_729) % TABLE;
    for (let at = 0; at < size; ) {
      const piece = at === 0 ? table.subarray(first) : table;
      const taken = piece.subarray(0, size - at);
      values.set(taken, at);
      at += taken.length;
    }
    return values;
  }
}
