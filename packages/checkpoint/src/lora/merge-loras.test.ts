import { toBytes } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { formulaWeights, readFixture } from '../__fixtures__/formula-weights.js';
import { mergeLoras, openLora, readFloat32, type WeightSource, WeightView } from '../index.js';

type Shapes = Record<string, number[]>;
interface Case {
  base: Record<string, Shapes>;
  loras: Shapes[];
  strengths: number[];
  metadata?: Record<string, unknown>;
  fused: Record<string, Record<string, { values: number[]; change: number; largest: number }>>;
}

const cases = readFixture<Record<string, Case>>('loras.json.gz');

/** The parts of a model, whose elements the formula gives by the part's and the weight's name. */
function componentsOf(base: Case['base']): Map<string, WeightSource> {
  return new Map(
    Object.entries(base).map(([component, shapes]) => {
      const names = Object.keys(shapes);
      const prefixed = Object.fromEntries(names.map((name) => [`${component}.${name}`, shapes[name]!]));
      const view = new Map(names.map((name) => [name, { from: `${component}.${name}` }]));
      return [component, new WeightView(formulaWeights(prefixed), view)];
    }),
  );
}

/** As the fixtures have it: every alpha is 2, and the formula gives everything else. */
function loraWeights(shapes: Shapes): WeightSource {
  const source = formulaWeights(shapes);
  const two = toBytes(Float32Array.of(2));
  return {
    ...source,
    read: async (name, range) => (name.endsWith('.alpha') ? two : source.read(name, range)),
  };
}

const openAll = ({ loras, strengths, metadata }: Case) => {
  const text = metadata === undefined ? undefined : { lora_adapter_metadata: JSON.stringify(metadata) };
  return Promise.all(
    loras.map(async (shapes, i) => ({
      lora: await openLora(loraWeights(shapes), text),
      strength: strengths[i]!,
    })),
  );
};

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));

describe.each(Object.entries(cases))('mergeLoras, case %s', (_name, wanted) => {
  test('changes the weights that diffusers changes, to what diffusers makes of them', async () => {
    const components = componentsOf(wanted.base);
    const merged = mergeLoras(components, await openAll(wanted));
    for (const report of merged.reports) expect(report.unknown).toEqual([]);
    for (const [component, weights] of merged.components) {
      const changed = [...weights.names()].filter((name) => weights.location(name) === undefined);
      expect(changed.sort()).toEqual(Object.keys(wanted.fused[component] ?? {}).sort());
      for (const name of changed) {
        const { values, change, largest } = wanted.fused[component]![name]!;
        const ours = await readFloat32(weights, name);
        values.forEach((value, j) => {
          const place = (j * 2654435761) % ours.length;
          expect(Math.abs(ours[place]! - value)).toBeLessThanOrEqual(1e-5 * largest);
        });
        const old = await readFloat32(components.get(component)!, name);
        const difference = norm(ours.map((value, i) => value - old[i]!));
        expect(Math.abs(difference - change)).toBeLessThanOrEqual(1e-5 * change);
      }
    }
  });
});

describe('mergeLoras(components, loras)', () => {
  const { base, loras } = cases.kohya!;

  test('gives any range of a merged weight as the whole has it', async () => {
    const { components } = mergeLoras(componentsOf(base), await openAll(cases.kohya!));
    const unet = components.get('unet')!;
    const name = 'down_blocks.0.resnets.0.conv1.weight';
    const whole = await readFloat32(unet, name);
    expect(unet.dtypeOf(name)).toBe('float32');
    for (const [start, count] of [
      [0, 1],
      [287, 2],
      [100, 1000],
      [whole.length - 3, 3],
      [5, 0],
    ] as const) {
      expect(await readFloat32(unet, name, { start, count })).toEqual(whole.slice(start, start + count));
    }
  });

  test('gives any range of a weight with DoRA as the whole has it', async () => {
    const dora = cases.dora!;
    const { components } = mergeLoras(componentsOf(dora.base), await openAll(dora));
    const unet = components.get('unet')!;
    const name = 'down_blocks.0.resnets.0.conv1.weight';
    const whole = await readFloat32(unet, name);
    for (const [start, count] of [
      [0, 1],
      [287, 2],
      [100, 1000],
      [whole.length - 3, 3],
      [5, 0],
    ] as const) {
      expect(await readFloat32(unet, name, { start, count })).toEqual(whole.slice(start, start + count));
    }
  });

  test('lists names that the model has no layer for, and names of no known form', async () => {
    const file = {
      ...loras[0]!,
      'lora_unet_down_blocks_7_conv.lora_down.weight': [4, 8],
      'lora_unet_down_blocks_7_conv.lora_up.weight': [8, 4],
      'bundle_emb.word': [1, 32],
    };
    const merged = mergeLoras(componentsOf(base), [{ lora: await openLora(loraWeights(file)), strength: 1 }]);
    expect(merged.reports[0]!.unknown).toEqual([
      'bundle_emb.word',
      'lora_unet_down_blocks_7_conv.lora_down.weight',
      'lora_unet_down_blocks_7_conv.lora_up.weight',
    ]);
  });

  test('refuses a LoRA of another model, by its name', async () => {
    const foreign = await openLora(loraWeights(cases.transformer!.loras[0]!));
    expect(() =>
      mergeLoras(componentsOf(base), [{ lora: foreign, strength: 1, name: 'x.safetensors' }]),
    ).toThrow(/x\.safetensors: this LoRA fits no layer of the model/);
    const wide = Object.fromEntries(
      Object.entries(loras[0]!).map(([key, shape]) => [
        key,
        key.includes('attn2_to_k.lora_down') ? [4, 768] : shape,
      ]),
    );
    const lora = await openLora(loraWeights(wide));
    expect(() => mergeLoras(componentsOf(base), [{ lora, strength: 1 }])).toThrow(
      /expected an addition to \[32,32\]/,
    );
  });
});

describe('openLora refuses', () => {
  const open = (shapes: Shapes) => openLora(loraWeights(shapes));

  test.each([
    ['DoRA', 'lora_unet_x.dora_scale'],
    ['LoHa', 'lora_unet_x.hada_w1_a'],
    ['LoKr', 'lora_unet_x.lokr_w2'],
    ['OFT', 'lora_unet_x.oft_blocks'],
  ])('%s, by name', async (form, name) => {
    await expect(open({ [name]: [1] })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(form),
    });
  });

  test('layers of which a part is missing, and files without any', async () => {
    await expect(open({ 'lora_unet_x.lora_down.weight': [4, 8] })).rejects.toThrow(/no up part/);
    await expect(open({ 'conv_in.weight': [4, 8] })).rejects.toThrow(/holds no LoRA/);
    const up = { 'a.lora_up.weight': [8, 4], 'a.lora_down.weight': [4, 8], 'a.alpha': [2] };
    await expect(open(up)).rejects.toThrow(/not one number/);
  });
});
