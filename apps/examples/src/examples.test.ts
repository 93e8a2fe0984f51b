import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { psnr } from '@cachequant/evaluate';
import { createGenerator, type GenerationRequest, type RgbImage } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { describeRuntime } from '@cachequant/tensor/testing';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const here = (place: string) => fileURLToPath(new URL(place, import.meta.url));
const MODEL = here('../../../models/fashion-sd');
const REQUEST = { prompt: 'a photo of a red sneaker', seed: 7, steps: 4, guidanceScale: 4 };

const out = await mkdtemp(path.join(tmpdir(), 'cachequant-examples-'));
afterAll(() => rm(out, { recursive: true }));

/** Runs a program of this folder with arguments: what it prints, and what it exports. */
async function runExample<T>(
  load: () => Promise<T>,
  ...args: string[]
): Promise<{ printed: string; module: T }> {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line) => lines.push(String(line)));
  const { argv } = process;
  process.argv = [argv[0]!, 'example', ...args];
  try {
    return { module: await load(), printed: lines.join('\n') };
  } finally {
    process.argv = argv;
    log.mockRestore();
  }
}

/** What the model makes without the example's part. */
async function plainImage(request: GenerationRequest): Promise<RgbImage> {
  const runtime = await createNodeRuntime();
  const generator = await createGenerator({ storage: nodeStorage(MODEL), runtime });
  const { images } = await generator.generate(request);
  await generator.dispose();
  await runtime.dispose();
  return images[0]!;
}

async function readPicture(file: string): Promise<RgbImage> {
  const { width, height, data, channels } = decode(await readFile(file));
  expect(channels).toBe(3);
  return { width, height, rgb: Uint8Array.from(data) };
}

test('generate/basic.ts writes the picture of its prompt', async () => {
  const file = path.join(out, 'sneaker.png');
  const { printed } = await runExample(() => import('./generate/basic.js'), MODEL, file);
  expect(printed).toBe(file);
  const { width, height, rgb } = await plainImage({ ...REQUEST, steps: 10 });
  expect(await readPicture(file)).toEqual({ width, height, rgb });
});

test('optimize/basic.ts makes a bundle, says what it measured, and makes a picture with it', async () => {
  const { printed } = await runExample(() => import('./optimize/basic.js'), MODEL, out);
  expect(printed).toMatch(/^\d+\.\d\d times as fast, \d+\.\d dB$/);
  expect(Number(/([\d.]+) dB/.exec(printed)![1])).toBeGreaterThan(20);
  expect(await readdir(path.join(out, 'bundle'))).toContain('cachequant.json');
  const original = await plainImage({ ...REQUEST, steps: 20 });
  expect(psnr(original, await readPicture(path.join(out, 'sneaker.png')))).toBeGreaterThan(20);
}, 600_000);

test('schedule/basic.ts plans refreshes with less error than evenly spaced ones', async () => {
  const { printed } = await runExample(() => import('./schedule/basic.js'));
  expect(printed).toBe(
    'refresh at calls 0, 8, 11, 14: error 10.85\nevenly spaced, 0, 5, 10, 15: error 16.46',
  );
});

test('extend/sampler.ts is DDIM', async () => {
  const { module } = await runExample(() => import('./extend/sampler.js'), MODEL);
  const ddim = { ...REQUEST, sampler: 'ddim' };
  expect(psnr(await plainImage(ddim), module.images[0]!)).toBeGreaterThan(50);
});

test('extend/prompt-encoder.ts makes the model’s own picture with the weight 1, that of no prompt with 0', async () => {
  const load = () => import('./extend/prompt-encoder.js');
  const { parseWeight, weightedPrompts } = (await runExample(load, MODEL)).module;
  expect(parseWeight('a blue dress :0.5')).toEqual({ text: 'a blue dress', weight: 0.5 });
  const runtime = await createNodeRuntime();
  const storage = nodeStorage(MODEL);
  const generator = await createGenerator({ storage, runtime, families: [weightedPrompts] });
  const at = async (weight: string) =>
    (await generator.generate({ ...REQUEST, prompt: `${REQUEST.prompt} :${weight}` })).images[0]!;
  expect(psnr(await plainImage(REQUEST), await at('1'))).toBeGreaterThan(50);
  expect(psnr(await plainImage(REQUEST), await at('1.3'))).toBeLessThan(40);
  expect(psnr(await plainImage({ ...REQUEST, prompt: '' }), await at('0'))).toBeGreaterThan(50);
  await generator.dispose();
  await runtime.dispose();
});

test('extend/model-family.ts makes the picture of the text encoder that it does without', async () => {
  const { module } = await runExample(() => import('./extend/model-family.js'), MODEL);
  expect(psnr(await plainImage(REQUEST), module.images[0]!)).toBeGreaterThan(50);
  const encoder = await module.fixedPrompts(new Map()).open({ inputs: [] } as never);
  const asked = encoder.encode({ prompt: 'a blue dress', width: 32, height: 32 }, 'conditional');
  await expect(asked).rejects.toMatchObject({ code: 'invalid-argument', got: 'a blue dress' });
});

test('extend/integer-target.ts writes standard operators over integers, close to float', async () => {
  const { module } = await runExample(() => import('./extend/integer-target.js'), MODEL);
  const types = new Set(module.integer.graph.nodes.map(({ domain, opType }) => `${domain}.${opType}`));
  expect(types).toContain('.DequantizeLinear');
  expect([...types].filter((type) => !type.startsWith('.'))).toEqual([]);
  expect(module.decibels).toBeGreaterThan(20);
});

const { module: metered } = await runExample(() => import('./extend/runtime.js'), MODEL);
test('extend/runtime.ts counts the runs of text encoder, denoiser and decoder', () => {
  // Two prompts, five network calls of four PLMS steps, one picture.
  expect(metered.runtime.meter.runs).toBe(2 + 5 + 1);
});
describeRuntime('extend/runtime.ts', async () => metered.meteredRuntime(await createNodeRuntime()), {
  describe,
  test,
  beforeAll,
  afterAll,
  expect,
});
