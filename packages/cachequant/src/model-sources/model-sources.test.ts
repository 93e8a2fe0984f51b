import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights, readFloat32 } from '@cachequant/checkpoint';
import { readManifest } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { decode } from 'fast-png';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { HubServer } from '../../../hub/src/__fixtures__/hub-server.js';
import { writeAsCheckpoint } from '../../../pipeline/src/__fixtures__/as-checkpoint.js';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';
import { serve } from '../__fixtures__/serve.js';
import { type WrittenTensor, writeSafetensors, writeSingleFile } from '../__fixtures__/single-file.js';

const ID = 'someone/fashion-sd';
const DRAW = ['--prompt', 'a photo of a red sneaker', '--seed', '7', '--steps', '6', '--threads', '1'];
const CONFIG = ['--config', 'models/fashion-sd'];
/** A layer of the U-Net, and one of the text encoder. */
const LAYERS = {
  unet: 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q',
  text_encoder: 'text_model.encoder.layers.0.self_attn.v_proj',
};

let folder: string;
let hub: HubServer;
let exported: ArrayLike<number>;

const at = (name: string) => join(folder, name);

/** Draws with a model and gives the picture's levels. */
async function draw(argv: readonly string[]): Promise<{ picture: ArrayLike<number>; stderr: string }> {
  const out = mkdtempSync(join(folder, 'drawn-'));
  const { exitCode, stderr } = await cachequant(['generate', ...argv, ...DRAW, '--out', out]);
  expect([exitCode, stderr.match(/^error: .*/m)?.[0]]).toEqual([0, undefined]);
  const [name] = readdirSync(out);
  return { picture: decode(readFileSync(join(out, name!))).data, stderr };
}

/** The largest difference of two pictures, in levels of 255. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

/** A LoRA of rank 2 as kohya's scripts write it, and the model with it merged by hand. */
async function plantLora(model: Storage, merged: Storage, file: string, strength: number): Promise<void> {
  for (const path of await model.list()) await writeFile(merged, path, await model.read(path));
  const lora = new Map<string, WrittenTensor>();
  for (const [part, layer] of Object.entries(LAYERS)) {
    const weights = await openWeights(model, part);
    const [rows, columns] = weights.shapeOf(`${layer}.weight`) as [number, number];
    const up = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i) * 0.6);
    const down = Float32Array.from({ length: 2 * columns }, (_, i) => Math.cos(3 * i) * 0.6);
    const name = `lora_${part === 'unet' ? 'unet' : 'te'}_${layer.replaceAll('.', '_')}`;
    lora.set(`${name}.lora_up.weight`, { dims: [rows, 2], values: up });
    lora.set(`${name}.lora_down.weight`, { dims: [2, columns], values: down });
    lora.set(`${name}.alpha`, { dims: [], values: Float32Array.of(1) });
    const tensors = new Map<string, WrittenTensor>();
    for (const key of weights.names()) {
      tensors.set(key, { dims: weights.shapeOf(key), values: await readFloat32(weights, key) });
    }
    // alpha / rank is 1 / 2.
    const values = tensors.get(`${layer}.weight`)!.values.map((value, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const product = up[row * 2]! * down[column]! + up[row * 2 + 1]! * down[columns + column]!;
      return value + (strength / 2) * product;
    });
    tensors.set(`${layer}.weight`, { dims: [rows, columns], values });
    const [path] = (await model.list(part)).filter((each) => each.endsWith('.safetensors'));
    await writeSafetensors(merged, path!, tensors);
  }
  lora.set('lora_unet_no_such_layer.lora_up.weight', { dims: [4, 1], values: new Float32Array(4) });
  lora.set('lora_unet_no_such_layer.lora_down.weight', { dims: [1, 4], values: new Float32Array(4) });
  await writeSafetensors(nodeStorage(folder), file, lora);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cachequant-sources-'));
  const model = nodeStorage(at('fashion'));
  await writeAsCheckpoint(nodeStorage(inRepository('models/fashion-sd')), model);
  await writeSingleFile(model, nodeStorage(folder), 'fashion.safetensors');
  await plantLora(model, nodeStorage(at('merged')), 'style.safetensors', 0.7);
  hub = await HubServer.start(ID);
  for (const path of await model.list()) {
    hub.files[path] = { content: Buffer.from(await model.read(path)), lfs: path.endsWith('.safetensors') };
  }
  exported = (await draw(['models/fashion-sd'])).picture;
});
afterAll(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  hub.troubles = [];
  vi.unstubAllEnvs();
  vi.stubEnv('HF_HOME', at('cache'));
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  for (const name of ['HF_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'])
    vi.stubEnv(name, undefined);
});

describe('generate draws what the exported model draws, to one level of 255,', () => {
  test('with a single file', async () => {
    const { picture } = await draw([at('fashion.safetensors'), ...CONFIG]);
    expect(difference(picture, exported)).toBeLessThanOrEqual(1);
  });

  test('with a single file whose autoencoder and text encoder come from an id of the Hub', async () => {
    const here = nodeStorage(folder);
    await writeSingleFile(nodeStorage(at('fashion')), here, 'unet-alone.safetensors', {
      without: ['vae', 'text_encoder'],
    });
    const parts = ['--vae', ID, '--text-encoder', ID];
    const { picture } = await draw([at('unet-alone.safetensors'), ...CONFIG, ...parts]);
    expect(difference(picture, exported)).toBeLessThanOrEqual(1);
  });

  test('with an id of the Hub, then without a connection', async () => {
    const { picture } = await draw([ID]);
    expect(difference(picture, exported)).toBeLessThanOrEqual(1);
    const asked = hub.seen.length;
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const offline = await draw([ID]);
    expect(difference(offline.picture, picture)).toBe(0);
    expect(hub.seen.length).toBe(asked);
  });
});

describe('generate --lora', () => {
  test.each([
    ['a folder', () => [at('fashion')]],
    ['a single file', () => [at('fashion.safetensors'), ...CONFIG]],
    ['a model of the Hub', () => [ID]],
  ])('draws with %s what the model merged by hand draws, and names unknown layers', async (_, model) => {
    const byHand = await draw([at('merged')]);
    const { picture, stderr } = await draw([...model(), '--lora', `${at('style.safetensors')}:0.7`]);
    expect(difference(picture, byHand.picture)).toBeLessThanOrEqual(1);
    expect(difference(picture, exported)).toBeGreaterThan(16);
    expect(stderr).toMatch(
      /warning: .*style.safetensors: added to 2 layers; the model has no layer for lora_unet_no/,
    );
  });

  test('adds several, each with its weight', async () => {
    const style = at('style.safetensors');
    const { picture } = await draw([at('fashion'), '--lora', `${style}:0.5`, '--lora', `${style}:.2`]);
    expect(difference(picture, (await draw([at('merged')])).picture)).toBeLessThanOrEqual(1);
  });
});

describe('serve', () => {
  test.each([
    [
      'a single file with a LoRA',
      () => [at('fashion.safetensors'), ...CONFIG, '--lora', at('style.safetensors')],
      'fashion',
    ],
    ['a model of the Hub', () => [ID], ID],
  ])('makes with %s the picture that generate makes', async (_, model, id) => {
    const { url } = await serve(model(), process.cwd());
    const answer = await fetch(`${url}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: id,
        prompt: 'a photo of a red sneaker',
        seed: 7,
        num_inference_steps: 6,
      }),
    });
    const { data } = (await answer.json()) as { data: { b64_json: string }[] };
    const served = decode(Buffer.from(data[0]!.b64_json, 'base64')).data;
    expect(difference(served, (await draw(model())).picture)).toBe(0);
  });
});

describe('inspect', () => {
  test.each([
    ['a single file', () => [at('fashion.safetensors'), ...CONFIG]],
    ['a model of the Hub', () => [ID]],
    ['a folder with a LoRA', () => [at('fashion'), '--lora', at('style.safetensors')]],
  ])('shows of %s what it shows of the folder', async (_, model) => {
    const json = async (argv: readonly string[]) => {
      const { exitCode, stdout } = await cachequant(['inspect', ...argv, '--json']);
      expect(exitCode).toBe(0);
      return JSON.parse(stdout) as { graph: Record<string, unknown>; pipeline: unknown };
    };
    const expected = await json([at('fashion')]);
    const shown = await json(model());
    expect(shown.pipeline).toEqual(expected.pipeline);
    for (const key of ['inputs', 'outputs', 'cuts', 'multiplyAdds', 'nodes', 'weightBytes']) {
      expect(shown.graph[key]).toEqual(expected.graph[key]);
    }
  });
});

describe('optimize', () => {
  const QUICK = [
    '--effort',
    'fast',
    '--steps',
    '4',
    '--interval',
    '2',
    '--schedule',
    'uniform',
    '--threads',
    '1',
    ...['--cache-correction', 'forecast', '--float-graphs', 'never'],
  ];
  const IMAGES = ['--calibration-images', '2', '--verification-images', '1', '--off-calibration-images', '0'];
  const optimize = async (argv: readonly string[], out: string) => {
    const { exitCode, stderr } = await cachequant(['optimize', ...argv, ...QUICK, ...IMAGES, '--out', out]);
    expect([exitCode, stderr.match(/^error: .*/m)?.[0]]).toEqual([0, undefined]);
    return readManifest(nodeStorage(out));
  };

  test('makes of a single file with a LoRA a bundle that holds no more than it needs; compare and evaluate take both', async () => {
    const out = join(temporaryFolder(), 'bundle');
    const model = [at('fashion.safetensors'), ...CONFIG, '--lora', `${at('style.safetensors')}:0.7`];
    const { source, files } = await optimize([...model, '--components', 'keep', '--layers', 'all'], out);
    expect(source).toMatchObject({
      name: 'fashion.safetensors',
      license: 'CC0-1.0',
      adapters: [{ name: 'style.safetensors', strength: 0.7 }],
    });
    expect(Object.keys(files).filter((path) => path.includes('safetensors'))).toEqual([]);
    const decoder = Buffer.from(hub.files['vae/diffusion_pytorch_model.safetensors']!.content).length;
    expect(files['vae_decoder/model.onnx']!.bytes).toBeLessThan(decoder + 100_000);
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain(
      '**Merged LoRA**: style.safetensors, at 0.7',
    );

    const pictures = temporaryFolder();
    const compared = await cachequant([
      'compare',
      model[0]!,
      out,
      ...model.slice(1),
      ...DRAW,
      '--json',
      '--out',
      pictures,
    ]);
    expect(compared.exitCode).toBe(0);
    const { images } = JSON.parse(compared.stdout) as { images: { psnr: number }[] };
    expect(images[0]!.psnr).toBeGreaterThan(15);
    const result = join(pictures, 'result.json');
    const evaluated = await cachequant([
      'evaluate',
      out,
      '--reference',
      ...model,
      ...DRAW,
      '--json',
      '--out',
      result,
    ]);
    expect(evaluated.exitCode).toBe(0);
    expect(readdirSync(pictures).sort()).toEqual(['comparison.png', 'result.json']);
  });

  test('writes id, commit and licence of a model of the Hub into the manifest and the card', async () => {
    const out = join(temporaryFolder(), 'bundle');
    const { source } = await optimize([ID, '--components', 'keep', '--bits', 'none'], out);
    expect(source).toMatchObject({ name: ID, id: ID, revision: hub.commit, license: 'openrail++' });
    const card = readFileSync(join(out, 'README.md'), 'utf8');
    expect(card).toContain(`base_model: ${ID}`);
    expect(card).toContain('license: openrail++');
    expect(card).toContain(hub.commit.slice(0, 12));
  });

  test('refuses a LoRA for a bundle', async () => {
    const bundle = temporaryFolder();
    writeFileSync(join(bundle, 'cachequant.json'), '{}');
    const { stderr } = await cachequant(['generate', bundle, ...DRAW, '--lora', at('style.safetensors')]);
    expect(stderr).toContain('a LoRA cannot be added to a bundle');
  });
});

describe('what cannot be opened', () => {
  const run = async (argv: readonly string[]) => {
    const { exitCode, stdout, stderr } = await cachequant([
      'generate',
      ...argv,
      ...DRAW,
      '--out',
      temporaryFolder(),
    ]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).not.toContain('bug in cachequant');
    return stderr;
  };

  test('a model that the Hub does not know was looked for as a path first', async () => {
    const stderr = await run(['someone/else']);
    expect(stderr).toMatch(/there is no .*someone.else, so 'someone\/else' was looked for on the Hub/);
    expect(stderr).toMatch(/error: .*someone\/else/);
  });

  test('a model that is not in the cache, offline', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await run(['someone/else'])).toContain('not whole in the cache');
  });

  test('a revision that there is none of', async () => {
    expect(await run([ID, '--revision', 'v9'])).toMatch(/error: .*v9/);
  });

  test('a path that looks like no id', async () => {
    expect(await run(['./nothing/here'])).toContain('there is no such file or folder');
  });

  test("a single file with a vocabulary that is not CLIP's, without its tokenizer", async () => {
    expect(await run([at('fashion.safetensors')])).toMatch(/holds no tokenizer.*373.*--tokenizer/);
  });

  test('a tokenizer of another model', async () => {
    const other = temporaryFolder();
    writeFileSync(join(other, 'vocab.json'), '{"a":0,"b":1}');
    writeFileSync(join(other, 'merges.txt'), '#version: 0.2\n');
    const stderr = await run([at('fashion.safetensors'), '--tokenizer', other]);
    expect(stderr).toMatch(/tokenizer is of another model.*expected 373 tokens.*got 2/);
  });

  test('a file without the other parts', async () => {
    const { files } = hub;
    const file = temporaryFolder();
    writeFileSync(join(file, 'unet.safetensors'), files['unet/diffusion_pytorch_model.safetensors']!.content);
    expect(await run([join(file, 'unet.safetensors')])).toContain("one network under diffusers' names");
  });

  test('a pickle', async () => {
    const path = join(temporaryFolder(), 'v1-5.ckpt');
    writeFileSync(path, 'x');
    expect(await run([path])).toContain('pickles can run any code');
  });

  test('a damaged file', async () => {
    const path = join(temporaryFolder(), 'v1-5.safetensors');
    writeFileSync(path, readFileSync(at('fashion.safetensors')).subarray(0, 5000));
    expect(await run([path])).toMatch(/^error: /m);
  });

  test('a LoRA that is not there', async () => {
    expect(await run([at('fashion'), '--lora', 'none.safetensors:0.5'])).toContain(
      '--lora none.safetensors: there is no such file',
    );
  });

  test('a LoRA that is no LoRA', async () => {
    expect(await run([at('fashion'), '--lora', at('fashion.safetensors')])).toContain('holds no LoRA');
  });

  test('a LoRA for an ONNX folder', async () => {
    expect(await run(['models/fashion-sd', '--lora', at('style.safetensors')])).toContain(
      'merged into safetensors',
    );
  });

  test('options of single files with a folder', async () => {
    expect(await run([at('fashion'), ...CONFIG])).toContain('--config is for single files');
  });
});
