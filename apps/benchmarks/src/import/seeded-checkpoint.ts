import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  type Storage,
  TorchGenerator,
  throwIfAborted,
  toBytes,
  toFloat16,
  writeFile,
} from '@cachequant/tensor';
import { z } from 'zod';
import { ROOT } from '../paths.js';

const SHAPES = path.join(ROOT, 'fixtures/architectures/full-size');
const FLOAT16_BYTES = 2;
/** What is written at once, in elements. */
const PIECE = 1 << 20;

const fullSizeSchema = z.object({
  className: z.string(),
  config: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), z.array(z.int())),
});

/** A part of a released model: where it goes, which listing has its shapes, and what its file of weights is called. */
export interface SeededPart {
  readonly folder: string;
  /** In fixtures/architectures/full-size. */
  readonly shapes: string;
  readonly file: string;
  /** What names in the file begin with, where the listing's do not. */
  readonly prefix?: string;
}

/**
 * Writes the configuration and a float16 safetensors file of a released model's size, a piece in memory at a time; where
 * that was done before, nothing happens. Weights are seeded: normal numbers with a standard deviation of 1/sqrt(fan-in).
 * @returns the number of parameters
 */
export async function writeSeededPart(
  storage: Storage,
  { folder, shapes, file, prefix = '' }: SeededPart,
  signal: AbortSignal,
): Promise<number> {
  const listing = gunzipSync(await readFile(path.join(SHAPES, `${shapes}.json.gz`))).toString();
  const { config, parameters } = fullSizeSchema.parse(JSON.parse(listing));
  // Of training alone, and transformers wants a decimal point in it, which JSON.stringify leaves out.
  const { initializer_factor: _, ...used } = config;
  await writeFile(storage, `${folder}/config.json`, JSON.stringify(used, null, 2));
  let end = 0;
  const entries = Object.entries(parameters).map(([name, shape]) => {
    const start = end;
    end += FLOAT16_BYTES * countOf(shape);
    return [prefix + name, { dtype: 'F16', shape, data_offsets: [start, end] }] as const;
  });
  const count = end / FLOAT16_BYTES;
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) });
  // The reference writer fills headers up with spaces, so that the weights begin at a multiple of eight.
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const target = `${folder}/${file}`;
  if ((await storage.stat(target))?.size === 8 + header.byteLength + end) return count;
  const writer = await storage.create(target);
  try {
    await writer.write(toBytes(BigUint64Array.of(BigInt(header.byteLength))));
    await writer.write(header);
    const numbers = new SeededNumbers(0);
    for (const [position, [name, { shape }]] of entries.entries()) {
      throwIfAborted(signal);
      for (const piece of numbers.pieces(name, shape, position)) await writer.write(piece);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return count;
}

/** One table of normal numbers serves all weights, scaled once for each spread and read from another place for each. */
class SeededNumbers {
  readonly #normal: Float32Array;
  readonly #scaled = new Map<string, Uint8Array>();

  constructor(seed: number) {
    this.#normal = new TorchGenerator(seed).randn(PIECE);
  }

  *pieces(name: string, shape: readonly number[], position: number): Generator<Uint8Array> {
    const table = this.#table(...spreadOf(name, shape));
    let [left, at] = [countOf(shape), (position * 104_729) % PIECE];
    while (left > 0) {
      const count = Math.min(left, PIECE - at);
      yield table.subarray(FLOAT16_BYTES * at, FLOAT16_BYTES * (at + count));
      left -= count;
      at = 0;
    }
  }

  #table(mean: number, deviation: number): Uint8Array {
    const key = `${mean} ${deviation}`;
    const known = this.#scaled.get(key);
    if (known !== undefined) return known;
    const table = toBytes(toFloat16(this.#normal.map((value) => mean + deviation * value)));
    this.#scaled.set(key, table);
    return table;
  }
}

function spreadOf(name: string, shape: readonly number[]): [mean: number, deviation: number] {
  if (shape.length > 1) return [0, 1 / Math.sqrt(countOf(shape.slice(1)))];
  return name.endsWith('bias') ? [0, 0.02] : [1, 0.1];
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
