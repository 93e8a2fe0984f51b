import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formulaWeights, readFixture } from '../__fixtures__/formula-weights.js';
import { openSingleFile, type SingleFilePart, type WeightSource } from '../index.js';

type Shapes = Record<string, number[]>;
interface Part {
  config: Record<string, unknown>;
  /** Shape, and for tiny models the start of the SHA-256 of the elements. */
  weights: Record<string, [shape: number[], digest?: string]>;
}
type Cases = Record<string, { family: string; shapes: Shapes; components: Record<string, Part> }>;

const cases = readFixture<Cases>('single-files.json.gz');
const SIZES = ['sample_size'];

const shapesOf = (weights: WeightSource) =>
  Object.fromEntries([...weights.names()].map((name) => [name, weights.shapeOf(name)]));
const digestsOf = async (weights: WeightSource) => {
  const entries: [string, string][] = [];
  for (const name of weights.names()) {
    const hash = createHash('sha256').update(await weights.read(name));
    entries.push([name, hash.digest('hex').slice(0, 16)]);
  }
  return Object.fromEntries(entries);
};

describe.each(Object.entries(cases))('openSingleFile of %s', (name, { family, shapes, components }) => {
  const tiny = name.startsWith('tiny');

  test.each(Object.entries(components))(
    "gives the %s diffusers' names, shapes and configuration",
    async (part, wanted) => {
      const ema = part === 'unet_ema';
      const model = await openSingleFile(formulaWeights(shapes), { ema });
      expect(model.family).toBe(family);
      expect(model.unused).toEqual([]);
      const { weights, config } = model.components.get((ema ? 'unet' : part) as SingleFilePart)!;
      expect(shapesOf(weights)).toEqual(
        Object.fromEntries(Object.entries(wanted.weights).map(([key, [shape]]) => [key, shape])),
      );
      for (const [key, value] of Object.entries(wanted.config)) {
        // A tiny autoencoder has other levels, by which diffusers divides the picture's size.
        if (!(tiny && SIZES.includes(key))) expect({ [key]: config[key] ?? null }).toEqual({ [key]: value });
      }
    },
  );
});

const tinyCases = Object.entries(cases).filter(([name]) => name.startsWith('tiny'));

test.each(tinyCases)(
  'openSingleFile of %s gives the elements that diffusers gives',
  async (_name, { shapes, components }) => {
    for (const [part, { weights }] of Object.entries(components)) {
      const ema = part === 'unet_ema';
      const model = await openSingleFile(formulaWeights(shapes), { ema });
      const ours = model.components.get((ema ? 'unet' : part) as SingleFilePart)!.weights;
      expect(await digestsOf(ours)).toEqual(
        Object.fromEntries(Object.entries(weights).map(([key, [, digest]]) => [key, digest])),
      );
    }
  },
);

const tinySd1 = cases['tiny-sd1']!.shapes;
const tinySd2 = cases['tiny-sd2']!.shapes;
const tinyXl = cases['tiny-sdxl']!.shapes;
const open = (shapes: Shapes, options?: Parameters<typeof openSingleFile>[1]) =>
  openSingleFile(formulaWeights(shapes), options);

describe('openSingleFile(source)', () => {
  test('leaves weights where they lie, also parts of fused ones', async () => {
    const source = formulaWeights(tinySd2);
    const { components } = await openSingleFile(source);
    const text = components.get('text_encoder')!.weights;
    const fused = source.location('cond_stage_model.model.transformer.resblocks.3.attn.in_proj_weight')!;
    const key = text.location('text_model.encoder.layers.3.self_attn.k_proj.weight')!;
    expect(key).toEqual({
      source: fused.source,
      offset: fused.offset + fused.length / 3,
      length: fused.length / 3,
    });
    const second = (await open(tinyXl)).components.get('text_encoder_2')!.weights;
    expect(second.location('text_projection.weight')).toBeUndefined();
    const whole = await second.read('text_projection.weight');
    expect(await second.read('text_projection.weight', { start: 100, count: 70 })).toEqual(
      whole.subarray(400, 680),
    );
  });

  test('reads files without autoencoder or text encoders, and says so in the index', async () => {
    const unetOnly = Object.fromEntries(
      Object.entries(cases.sdxl!.shapes).filter(([key]) => key.startsWith('model.diffusion_model.')),
    );
    const { components, family, modelIndex } = await open(unetOnly);
    expect([...components.keys()]).toEqual(['unet']);
    expect(family).toBe('sdxl');
    expect(modelIndex).toMatchObject({ _class_name: 'StableDiffusionXLPipeline', vae: [null, null] });
  });

  test('takes text encoders that were saved without text_model in their names', async () => {
    const flat = Object.fromEntries(
      Object.entries(tinySd1).map(([key, shape]) => [
        key.replace('cond_stage_model.transformer.text_model.', 'cond_stage_model.transformer.'),
        shape,
      ]),
    );
    const names = (shapes: Shapes) =>
      open(shapes).then(({ components }) => [...components.get('text_encoder')!.weights.names()]);
    expect(await names(flat)).toEqual(await names(tinySd1));
  });

  test('names the pipeline by what the U-Net takes in', async () => {
    const inpainting = await open(cases['sd1-inpainting']!.shapes);
    expect(inpainting.modelIndex._class_name).toBe('StableDiffusionInpaintPipeline');
    const edit = { ...tinySd1, 'model.diffusion_model.input_blocks.0.0.weight': [32, 8, 3, 3] };
    expect((await open(edit)).modelIndex._class_name).toBe('StableDiffusionInstructPix2PixPipeline');
  });

  test('lists names that it has no use for', async () => {
    expect((await open({ ...tinySd1, 'embedding_manager.x': [1], betas: [1000] })).unused).toEqual([
      'embedding_manager.x',
    ]);
  });

  test('refuses averaged weights that are not there, and other models by name', async () => {
    await expect(open(tinyXl, { ema: true })).rejects.toThrow(/no averaged weights/);
    const flux = { 'double_blocks.0.img_attn.norm.key_norm.scale': [128] };
    await expect(open(flux)).rejects.toMatchObject({ code: 'unsupported', got: 'Flux' });
    await expect(open({ x: [1] })).rejects.toMatchObject({ code: 'unsupported' });
    const uneven = {
      ...tinyXl,
      'model.diffusion_model.input_blocks.3.1.transformer_blocks.1.norm1.weight': [1],
    };
    await expect(open(uneven)).rejects.toThrow(/on the way down/);
  });
});

describe('openSingleFile finds what the network predicts', () => {
  const bias = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias';
  const predicts = async (shapes: Shapes, options?: Parameters<typeof openSingleFile>[1]) =>
    (await open(shapes, options)).prediction;

  test('by what was asked for, by marks in the file, and noise without any', async () => {
    expect(await predicts(tinyXl)).toMatchObject({ type: 'epsilon', zeroTerminalSnr: false });
    const marked = { ...tinyXl, v_pred: [0], ztsnr: [0] };
    expect(await predicts(marked)).toMatchObject({ type: 'v_prediction', zeroTerminalSnr: true });
    expect(await predicts(marked, { predictionType: 'epsilon' })).toMatchObject({ type: 'epsilon' });
    const metadata = { 'modelspec.prediction_type': 'v' };
    expect(await predicts(tinySd1, { metadata })).toMatchObject({ type: 'v_prediction' });
    expect((await open(marked)).schedulerConfig).toMatchObject({
      _class_name: 'EulerDiscreteScheduler',
      prediction_type: 'v_prediction',
      rescale_betas_zero_snr: true,
      timestep_spacing: 'trailing',
    });
  });

  test('for Stable Diffusion 2.x by the steps of training, or else by the spread of a bias', async () => {
    expect(await predicts(tinySd2)).toMatchObject({ type: 'v_prediction' });
    // The formula's elements are spread by 0.29.
    expect(await predicts({ ...tinySd2, [bias]: [320] })).toMatchObject({ type: 'v_prediction' });
    const narrow = { ...formulaWeights({ ...tinySd2, [bias]: [320] }) };
    const read = narrow.read;
    narrow.read = async (name, range) => (name === bias ? new Uint8Array(1280) : read(name, range));
    expect((await openSingleFile(narrow)).prediction).toMatchObject({ type: 'epsilon' });
    const stepped = formulaWeights({ ...tinySd2, global_step: [] });
    const base = {
      ...stepped,
      dtypeOf: (name: string) => (name === 'global_step' ? 'int64' : 'float32') as 'int64',
      read: async () => new Uint8Array(new BigInt64Array([875_000n]).buffer),
    };
    expect((await openSingleFile(base)).prediction).toMatchObject({ type: 'epsilon' });
  });
});
