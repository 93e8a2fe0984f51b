import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGenerator, type GenerationRequest } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { readText, type Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachequant, inRepository } from '../__fixtures__/command-line.js';
import { writeOriginalVae, writeSafetensors, writeSingleFile } from '../__fixtures__/single-file.js';
import { type ModelSourceRequest, openModelSource } from './open-model-source.js';
import { parseEmbedding } from './source-options.js';

const SDXL = inRepository('models/tiny/sdxl');
const TURBO = inRepository('models/tiny/sd-turbo');
const SD = inRepository('models/tiny/sd');
const REQUEST: GenerationRequest = { prompt: 'a red shoe!', negativePrompt: 'blue', seed: 7, steps: 3 };

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  folder = mkdtempSync(join(tmpdir(), 'single-file-parts-'));
  const here = nodeStorage(folder);
  await writeSingleFile(nodeStorage(SDXL), here, 'xl.safetensors');
  await writeSingleFile(nodeStorage(SDXL), here, 'xl-unet.safetensors', {
    without: ['vae', 'text_encoder'],
  });
  await writeSingleFile(nodeStorage(SD), here, 'sd.safetensors');
  await writeSingleFile(nodeStorage(SD), here, 'sd-unet.safetensors', { without: ['vae', 'text_encoder'] });
  await writeOriginalVae(nodeStorage(SD), here, 'sd-vae.safetensors');
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(folder, { recursive: true });
});

const open = (given: string, request: Partial<ModelSourceRequest> = {}) =>
  openModelSource(given, { cwd: folder, ...request });

async function draw(storage: Storage, request = REQUEST): Promise<Uint8Array | Uint8ClampedArray> {
  const generator = await createGenerator({ storage, runtime });
  try {
    return (await generator.generate(request)).images[0]!.rgb;
  } finally {
    await generator.dispose();
  }
}

/** The largest difference of two pictures, in levels of 255. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

describe('openModelSource(a single file of SDXL)', () => {
  it('draws what its folder draws, with both text encoders of the file', async () => {
    const expected = await draw(nodeStorage(SDXL));
    const { storage } = await open('xl.safetensors', { config: SDXL });
    const picture = await draw(storage);
    expect(difference(picture, expected)).toBeLessThanOrEqual(1);
    // Whether words matter at all.
    expect(difference(picture, await draw(storage, { ...REQUEST, prompt: 'a blue hat' }))).toBeGreaterThan(8);
  });

  it("draws with the refiner's one text encoder, too", async () => {
    const refiner = inRepository('models/tiny/sdxl-refiner');
    await writeSingleFile(nodeStorage(refiner), nodeStorage(folder), 'refiner.safetensors');
    const { storage } = await open('refiner.safetensors', { config: refiner });
    expect(difference(await draw(storage), await draw(nodeStorage(refiner)))).toBeLessThanOrEqual(1);
  });

  it('takes what it lacks from a folder of the model', async () => {
    const parts = { vae: SDXL, text_encoder: join(SDXL, 'text_encoder') };
    const { storage } = await open('xl-unet.safetensors', { config: SDXL, tokenizer: SDXL, parts });
    expect(difference(await draw(storage), await draw(nodeStorage(SDXL)))).toBeLessThanOrEqual(1);
  });

  it("reads the second tokenizer's padding as OpenCLIP's where one folder stands for both", async () => {
    const alone = at('alone');
    cpSync(join(SDXL, 'tokenizer'), alone, { recursive: true });
    const { storage } = await open('xl.safetensors', { config: SDXL, tokenizer: alone });
    const config = JSON.parse(await readText(storage, 'tokenizer_2/tokenizer_config.json'));
    expect(config.pad_token).toBe('!');
    const first = JSON.parse(await readText(storage, 'tokenizer/tokenizer_config.json'));
    expect(first.pad_token).not.toBe('!');
  });
});

describe('openModelSource(a single file, { parts })', () => {
  const config = { config: SD };
  const text = { text_encoder: join(SD, 'text_encoder') };

  it.each<[string, () => string]>([
    ['a file under the original names', () => at('sd-vae.safetensors')],
    ["a file under diffusers' names", () => join(SD, 'vae', weightsIn(join(SD, 'vae')))],
    ['the folder of the part', () => join(SD, 'vae')],
    ['the folder of a pipeline', () => SD],
    ['a single file of the whole model', () => at('sd.safetensors')],
  ])('takes the autoencoder of %s', async (_, vae) => {
    const { storage } = await open('sd-unet.safetensors', { ...config, parts: { ...text, vae: vae() } });
    expect(difference(await draw(storage), await draw(nodeStorage(SD)))).toBeLessThanOrEqual(1);
  });

  it('takes the one that is given in place of that in the file', async () => {
    const own = await draw((await open('sd.safetensors', config)).storage);
    const other = at('other-vae');
    cpSync(join(SD, 'vae'), other, { recursive: true });
    const settings = JSON.parse(readFileSync(join(other, 'config.json'), 'utf8'));
    writeFileSync(join(other, 'config.json'), JSON.stringify({ ...settings, scaling_factor: 0.5 }));
    const { storage } = await open('sd.safetensors', { ...config, parts: { vae: other } });
    expect(difference(await draw(storage), own)).toBeGreaterThan(1);
  });

  it('hashes the part that was given: another one is another model', async () => {
    const { storage } = await open('sd-unet.safetensors', { ...config, parts: { ...text, vae: SD } });
    const listed = (await storage.list('vae_decoder')).filter((name) => name.endsWith('.safetensors'));
    expect(listed).toHaveLength(1);
    const stored = join(SD, 'vae', weightsIn(join(SD, 'vae')));
    expect(await storage.hash!(listed[0]!)).toBe(await nodeStorage(SD).hash!(stored.slice(SD.length + 1)));
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a file without the parts, and says how to give them',
      () => open('sd-unet.safetensors', config),
      /holds no vae and no text_encoder.*--vae and --text-encoder: a .safetensors file/,
    ],
    [
      'a file of SDXL without them',
      () => open('xl-unet.safetensors', { config: SDXL, parts: { vae: SDXL } }),
      /holds no text_encoder .expected unet, vae, text_encoder, text_encoder_2.*with --text-encoder: /,
    ],
    [
      'a part that the model does not have',
      () => open('sd.safetensors', { ...config, parts: { text_encoder_2: SDXL } }),
      /--text-encoder-2 beside sd.safetensors: the model has no such part/,
    ],
    [
      'a place where nothing is',
      () => open('sd-unet.safetensors', { ...config, parts: { ...text, vae: './none' } }),
      /--vae .\/none: there is no such file or folder/,
    ],
    [
      'a folder without the part',
      () => open('sd-unet.safetensors', { ...config, parts: { ...text, vae: join(SD, 'tokenizer') } }),
      /--vae .*tokenizer: the folder holds no such part in safetensors/,
    ],
    [
      'a file of something else',
      () => open('sd-unet.safetensors', { ...config, parts: { ...text, vae: 'sd-unet.safetensors' } }),
      /the file holds no autoencoder/,
    ],
    ['parts for a folder', () => open(SD, { parts: { vae: SD } }), /--vae is for single files of weights/],
  ])('refuses %s', async (_, opened, message) => {
    await expect(opened()).rejects.toThrow(message);
  });
});

describe('openModelSource(a single file, { embeddings })', () => {
  it('draws what its folder draws with the word', async () => {
    await writeSingleFile(nodeStorage(TURBO), nodeStorage(folder), 'turbo.safetensors');
    const [{ latents: _, picture: __, ...request }] = JSON.parse(
      readFileSync(join(TURBO, 'golden-embedding.json'), 'utf8'),
    );
    const embeddings = [parseEmbedding(join(TURBO, 'toy.safetensors'))];
    const expected = await draw((await open(TURBO, { embeddings })).storage, request);
    const { storage, origin } = await open('turbo.safetensors', { config: TURBO, embeddings });
    expect(origin.adapters).toEqual([{ name: 'toy.safetensors', strength: 1 }]);
    expect(difference(await draw(storage, request), expected)).toBeLessThanOrEqual(1);
    const plain = await draw((await open('turbo.safetensors', { config: TURBO })).storage, request);
    expect(difference(plain, expected)).toBeGreaterThan(1);
  });

  it('takes both vectors of an embedding for SDXL', async () => {
    const ones = (width: number) => ({ dims: [2, width], values: new Float32Array(2 * width).fill(1) });
    const vectors = new Map([
      ['clip_l', ones(16)],
      ['clip_g', ones(24)],
    ]);
    await writeSafetensors(nodeStorage(folder), 'glow.safetensors', vectors);
    const embeddings = [parseEmbedding('glow.safetensors:glow')];
    const request = { ...REQUEST, prompt: 'a glow' };
    const { storage } = await open('xl.safetensors', { config: SDXL, embeddings });
    const expected = await draw((await open(SDXL, { embeddings })).storage, request);
    expect(difference(await draw(storage, request), expected)).toBeLessThanOrEqual(1);
  });

  it('is refused for an ONNX graph and for a folder of graphs, with the way out', async () => {
    const embeddings = [parseEmbedding(join(TURBO, 'toy.safetensors'))];
    const graph = inRepository('models/tiny/ddpm-unet/model.onnx');
    await expect(open(graph, { embeddings })).rejects.toThrow(/not into an ONNX graph.*Give the safetensors/);
    const graphs = inRepository('models/fashion-sd');
    await expect(open(graphs, { embeddings })).rejects.toThrow(/holds none.*Give the safetensors/);
  });
});

describe('inspect', () => {
  it('shows a single file without its other parts and without a tokenizer, and says what is missing', async () => {
    const argv = ['inspect', 'sd-unet.safetensors', '--config', SD, '--json'];
    const { exitCode, stdout, stderr } = await cachequant(argv, { cwd: folder });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).graph.cuts.length).toBeGreaterThan(0);
    expect(stderr).toMatch(/^warning: sd-unet.safetensors: the file holds no vae and no text_encoder/m);
    const whole = await cachequant(['inspect', 'sd.safetensors'], { cwd: folder });
    expect(whole.exitCode).toBe(0);
    expect(whole.stderr).toMatch(/^warning: prompts cannot be read: .*holds no tokenizer/m);
  });
});

describe('generate', () => {
  it('takes --vae and --text-encoder, and says what is missing without them', async () => {
    const draw = [
      '--prompt',
      'a red shoe',
      '--steps',
      '2',
      '--threads',
      '1',
      '--config',
      SD,
      '--out',
      folder,
    ];
    const without = await cachequant(['generate', 'sd-unet.safetensors', ...draw], { cwd: folder });
    expect(without.exitCode).toBe(1);
    expect(without.stderr).toMatch(/^error: sd-unet.safetensors: the file holds no vae and no text_encoder/m);
    const given = ['--vae', SD, '--text-encoder', SD];
    const { exitCode } = await cachequant(['generate', 'sd-unet.safetensors', ...draw, ...given], {
      cwd: folder,
    });
    expect(exitCode).toBe(0);
  });
});

function weightsIn(path: string): string {
  return readdirSync(path).find((name) => name.endsWith('.safetensors'))!;
}
