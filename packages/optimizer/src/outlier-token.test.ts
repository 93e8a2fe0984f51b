import { encodeModel, makeNode, type OnnxModel, parseModel, weightOf } from '@cachequant/onnx';
import { openModelFolder } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Storage, TorchGenerator, tensor, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from './__fixtures__/models.js';
import { optimizeKeepingModel } from './optimize.js';
import type { GivenConditioning } from './prepare/given-conditioning.js';

const INPUT = 'encoder_hidden_states';
const [TOKENS, WIDTH] = [77, 16];

/** The largest of MixDQ's first tokens; other tokens are of unit deviation here, about 4 at most. */
const OUTLIER = 828 / 4;

/** Hidden states of a text encoder whose first token is the same for all prompts, and huge. */
const conditioning: GivenConditioning = {
  fingerprint: 'outlier',
  forSeed(seed) {
    const states = tensor('float32', [1, TOKENS, WIDTH], new TorchGenerator(seed).randn(TOKENS * WIDTH));
    states.data.subarray(0, WIDTH).fill(0);
    states.data[3] = OUTLIER;
    return { [INPUT]: states };
  },
};

/** models/tiny/sd-turbo as graphs, with a change to its denoiser. */
async function denoiserWith(change: (model: OnnxModel) => void): Promise<Storage> {
  const copy = memoryStorage();
  const { storage } = await openModelFolder(modelStorage('tiny/sd-turbo'));
  for (const part of ['unet', 'vae_decoder']) {
    for (const path of (await storage.list(part)).filter((path) => !path.endsWith('.onnx'))) {
      await writeFile(copy, path, await storage.read(path));
    }
    const model = parseModel(await storage.read(`${part}/model.onnx`));
    if (part === 'unet') change(model);
    await writeFile(copy, `${part}/model.onnx`, encodeModel(model));
  }
  for (const path of ['model_index.json', 'scheduler/scheduler_config.json']) {
    await writeFile(copy, path, await storage.read(path));
  }
  return copy;
}

/** Every layer reads the text through a product with ones, so that no layer is seen to read the input. */
function hideInput({ graph }: OnnxModel): void {
  const ones = tensor('float32', [WIDTH], new Float32Array(WIDTH).fill(1));
  graph.initializers.set('ones', weightOf(ones, 'ones'));
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((name) => (name === INPUT ? 'hidden' : name));
  }
  graph.nodes.unshift(makeNode('Mul', [INPUT, 'ones'], ['hidden']));
}

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

async function optimizeWith(change: (model: OnnxModel) => void) {
  const out = memoryStorage();
  const { summary } = await optimizeKeepingModel({
    source: await denoiserWith(change),
    work: memoryStorage(),
    out,
    runtime,
    conditioning,
    options: {
      calibrationImages: 2,
      verificationImages: 4,
      layers: 'all',
      floatGraphs: 'never',
      components: 'keep',
    },
  });
  const bytes = (await out.stat('denoiser/weights.bin'))!.size;
  return { ...summary, bytes };
}

describe('optimize of a model whose first token is an outlier', () => {
  it('computes it apart in float, and the other tokens in integers that it no longer harms', async () => {
    const [before, after] = [await optimizeWith(hideInput), await optimizeWith(() => {})];
    const parts = (of: typeof after, part: string) =>
      of.manifest.layers.filter(({ id }) => id.endsWith(part)).map(({ compute }) => compute);
    expect(parts(before, 'first_token')).toEqual([]);
    expect(parts(after, 'first_token').length).toBeGreaterThan(0);
    expect(new Set(parts(after, 'first_token'))).toEqual(new Set(['float']));
    expect(new Set(parts(after, 'other_tokens'))).toEqual(new Set(['integer']));
    expect(parts(after, 'other_tokens')).toHaveLength(parts(after, 'first_token').length);
    // One weight serves both.
    expect(after.bytes).toBe(before.bytes);
    expect(after.verification.psnr).toBeGreaterThan(before.verification.psnr + 6);
  }, 240_000);
});
