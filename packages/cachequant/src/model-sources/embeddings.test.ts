import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { readText, toBytes } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModelSource } from './open-model-source.js';
import { parseEmbedding } from './source-options.js';

const MODELS = fileURLToPath(new URL('../../../../models/', import.meta.url));
const TURBO = join(MODELS, 'tiny/sd-turbo');
const TOY = join(TURBO, 'toy.safetensors');

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
let folder: string;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  folder = mkdtempSync(join(tmpdir(), 'embeddings-'));
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(folder, { recursive: true });
});

/** A file of weights with one tensor [rows, width] of ones. */
function inversion(name: string, rows: number, width: number): string {
  const data = new Float32Array(rows * width).fill(1);
  const entry = { dtype: 'F32', shape: [rows, width], data_offsets: [0, data.byteLength] };
  const header = new TextEncoder().encode(JSON.stringify({ emb_params: entry }));
  const path = join(folder, name);
  writeFileSync(
    path,
    Buffer.concat([toBytes(BigUint64Array.of(BigInt(header.byteLength))), header, toBytes(data)]),
  );
  return path;
}

const open = (...embeddings: string[]) =>
  openModelSource(TURBO, { cwd: folder, embeddings: embeddings.map(parseEmbedding) });

describe('openModelSource(folder, { embeddings })', () => {
  it('draws what diffusers draws with a word of two vectors', async () => {
    const [golden] = JSON.parse(await readText(nodeStorage(TURBO), 'golden-embedding.json')) as {
      prompt: string;
      latents: number[];
      picture: number[];
    }[];
    const { latents: expected, picture, ...request } = golden!;
    const { storage, origin } = await open(TOY);
    expect(origin.adapters).toEqual([{ name: 'toy.safetensors', strength: 1 }]);
    const generator = await createGenerator({ storage, runtime });
    const { images } = await generator.generate(request);
    await generator.dispose();
    const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
    const off = expected.map((value, i) => Math.abs(value - images[0]!.latents.data[i]!));
    expect(Math.max(...off)).toBeLessThan(1e-3 * deviation);
    const levels = picture.map((value, i) => Math.abs(value - images[0]!.rgb[i]!));
    expect(Math.max(...levels)).toBeLessThanOrEqual(1);
  });

  it('takes a word of its own for a file, or else the name of one that says none', async () => {
    const named = await open(inversion('style.safetensors', 1, 16), `${TOY}:kitten`);
    const text = await readText(named.storage, 'tokenizer/tokenizer.json');
    const { added_tokens } = JSON.parse(text) as { added_tokens: { content: string; id: number }[] };
    const last = added_tokens.slice(-3);
    expect(last.map(({ content }) => content)).toEqual(['style', 'kitten', 'kitten_1']);
    expect(last.map(({ id }) => id - last[0]!.id)).toEqual([0, 1, 2]);
  });

  it('tells models with other words apart', async () => {
    const [plain, toy, kitten] = [await open(), await open(TOY), await open(`${TOY}:kitten`)];
    const description = 'text_encoder/adapters.json';
    expect(await plain.storage.stat(description)).toBeUndefined();
    expect(await readText(toy.storage, description)).not.toBe(await readText(kitten.storage, description));
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'vectors of another width',
      () => open(inversion('wide.safetensors', 1, 24)),
      /vectors of 16 numbers, got 24/,
    ],
    ['a word twice', () => open(TOY, TOY), /--embedding: the tokenizer has this word already .got <toy>/],
    [
      'a file that is not there',
      () => open('none.safetensors'),
      /--embedding none.safetensors: there is no such file/,
    ],
    [
      'one encoder where the model has two',
      () => openModelSource(join(MODELS, 'tiny/sdxl'), { cwd: folder, embeddings: [parseEmbedding(TOY)] }),
      /another kind of model .expected vectors for text_encoder and text_encoder_2, got text_encoder/,
    ],
    [
      'a folder of ONNX graphs',
      () => openModelSource(join(MODELS, 'fashion-sd'), { cwd: folder, embeddings: [parseEmbedding(TOY)] }),
      /an embedding is merged into safetensors, and this folder holds none/,
    ],
  ])('refuses %s', async (_, opened, message) => {
    await expect(opened()).rejects.toThrow(message);
  });
});

describe('parseEmbedding(text)', () => {
  it.each([
    ['toy.safetensors', 'toy.safetensors', undefined],
    ['a/toy.safetensors:<toy>', 'a/toy.safetensors', '<toy>'],
    ['C:\\toys\\toy.safetensors:a:b', 'C:\\toys\\toy.safetensors', 'a:b'],
    ['someone/toy', 'someone/toy', undefined],
    ['someone/toy:word', 'someone/toy', 'word'],
  ])('reads %s', (text, file, word) => {
    expect(parseEmbedding(text)).toEqual({ file, word });
  });
});
