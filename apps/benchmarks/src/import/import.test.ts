import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fromBytes, fromFloat16, parseJson } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { expect, it } from 'vitest';
import { RESULTS, ROOT } from '../paths.js';
import { renderImport } from './page.js';
import { importResultsSchema } from './results.js';
import { writeSeededPart } from './seeded-checkpoint.js';

it('writeSeededPart writes a file of a released model’s size that safetensors readers take', async () => {
  const storage = memoryStorage();
  const part = { folder: 'vae', shapes: 'taesd', file: 'model.fp16.safetensors' };
  const { signal } = new AbortController();
  const count = await writeSeededPart(storage, part, signal);
  const bytes = await storage.read('vae/model.fp16.safetensors');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = parseJson(new TextDecoder().decode(bytes.subarray(8, 8 + length)), 'header') as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >;
  expect(bytes.byteLength).toBe(8 + length + 2 * count);
  const { __metadata__: _, ...tensors } = header;
  const convolution = Object.values(tensors).find(({ shape }) => shape.length === 4 && shape[1]! > 32)!;
  const [from, to] = convolution.data_offsets;
  const values = fromFloat16(fromBytes('float16', bytes.slice(8 + length + from, 8 + length + to)));
  const fanIn = convolution.shape.slice(1).reduce((a, b) => a * b);
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  expect(variance * fanIn).toBeCloseTo(1, 1);
  const config = parseJson(new TextDecoder().decode(await storage.read('vae/config.json')), 'config');
  expect(config).toMatchObject({ _class_name: 'AutoencoderTiny' });

  const before = await storage.read('vae/model.fp16.safetensors');
  await writeSeededPart(storage, part, signal);
  expect(Buffer.compare(await storage.read('vae/model.fp16.safetensors'), before)).toBe(0);
});

it('the page and the documentation show the results that are recorded', () => {
  const text = (file: string) => readFileSync(file, 'utf8');
  const results = importResultsSchema.parse(JSON.parse(text(path.join(RESULTS, 'import.json'))));
  const page = renderImport(results).join('\n');
  expect(text(path.join(RESULTS, 'import.md'))).toContain(page);
  expect(text(path.join(ROOT, 'docs/checkpoints.md'))).toContain(page);
});
