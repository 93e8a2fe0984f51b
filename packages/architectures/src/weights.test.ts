import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WeightSource } from '@cachequant/checkpoint';
import { encodeModel, readWeight, readWeightBytes, type Weight } from '@cachequant/onnx';
import { fromBytes } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { feedsOf, readCase, relativeError, runOnce } from './__fixtures__/cases.js';
import { formula, formulaWeights } from './__fixtures__/formula.js';
import { type FileType, safetensorsOf } from './__fixtures__/safetensors.js';
import { type BuildOptions, buildGraph } from './build-graph.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cachequant-architectures-'));
});
afterAll(() => rm(folder, { recursive: true }));

function optionsOf(name: string): BuildOptions {
  const given = readCase(name);
  return { ...given.options, ...given };
}

describe('buildGraph in place', () => {
  // What rounding the weights alone changes.
  const tolerances = { float32: 1e-5, float16: 5e-3, bfloat16: 5e-2 };
  const graphs = ['unet-sdxl', 'clip-sdxl', 'kl-sd15-decoder'];
  test.each(graphs.flatMap((name) => Object.entries(tolerances).map((entry) => [name, ...entry] as const)))(
    '%s runs on %s weights at odd bytes of a safetensors file',
    async (name, dtype, tolerance) => {
      const options = optionsOf(name);
      const { parameters } = buildGraph(options);
      const file = `${name}-${dtype}.safetensors`;
      const { bytes, source } = await safetensorsOf(file, dtype as FileType, parameters);
      const { model } = buildGraph({ ...options, weights: source });
      const encoded = encodeModel(model);
      await writeFile(join(folder, file), bytes);
      await writeFile(join(folder, `${file}.onnx`), encoded);
      const offsets = [...model.graph.initializers.values()].flatMap(({ data }) =>
        data.kind === 'external' ? data.offset % 2 : [],
      );
      expect(offsets).toContain(1);
      const results = await runOnce(join(folder, `${file}.onnx`), feedsOf(readCase(name)));
      expect(relativeError(readCase(name), results)).toBeLessThan(tolerance);
    },
  );

  test('leaves as float32 what is computed, or of a type that no graph takes', async () => {
    const { parameters } = buildGraph(optionsOf('kl-sd15-decoder'));
    const { source } = await safetensorsOf('model.safetensors', 'float16', parameters);
    const [computed, small] = ['decoder.conv_in.weight', 'decoder.conv_in.bias'];
    const weights: WeightSource = {
      names: () => source.names(),
      has: (name) => source.has(name),
      shapeOf: (name) => source.shapeOf(name),
      read: (name, range) => source.read(name, range),
      location: (name) => (name === computed ? undefined : source.location(name)),
      dtypeOf: (name) => (name === small ? 'float8e5m2' : source.dtypeOf(name)),
    };
    const { initializers } = buildGraph({ ...optionsOf('kl-sd15-decoder'), weights }).model.graph;
    const placed = [...initializers].flatMap(([name, { dtype, data }]) =>
      data.kind === 'range' ? [[name, dtype]] : [],
    );
    expect(placed).toEqual([
      [computed, 'float32'],
      [small, 'float32'],
    ]);
    expect(initializers.get('decoder.conv_out.weight')).toMatchObject({
      dtype: 'float16',
      data: { kind: 'external' },
    });
  });

  test('writes graphs whose size does not grow with the weights', async () => {
    const { parameters } = buildGraph(optionsOf('unet-sd15'));
    const { source } = await safetensorsOf('model.safetensors', 'float32', parameters);
    const built = buildGraph({ ...optionsOf('unet-sd15'), weights: source });
    const inMemory = [...built.model.graph.initializers.values()].flatMap(({ data }) =>
      data.kind === 'bytes' ? data.bytes.byteLength : [],
    );
    expect(inMemory.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(5000);
  });
});

describe('buildGraph with float32 weights', () => {
  const elementsOf = async (weight: Weight) => (await readWeight(weight)).data as Float32Array;

  test('converts 16-bit weights when they are read', async () => {
    const { parameters } = buildGraph(optionsOf('kl-sd15-decoder'));
    const { source } = await safetensorsOf('model.safetensors', 'float16', parameters);
    const { model } = buildGraph({ ...optionsOf('kl-sd15-decoder'), weights: source, placement: 'float32' });
    expect(model.graph.nodes.map(({ opType }) => opType)).not.toContain('Cast');
    const weight = model.graph.initializers.get('decoder.conv_in.weight')!;
    expect(weight.dtype).toBe('float32');
    const expected = formula('decoder.conv_in.weight', weight.dims);
    const actual = await elementsOf(weight);
    for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 3);
  });

  test('cuts the two halves of a gated layer out of one parameter', async () => {
    const { parameters } = buildGraph(optionsOf('unet-inpainting'));
    const weights = formulaWeights(parameters);
    const { model } = buildGraph({ ...optionsOf('unet-inpainting'), weights, placement: 'float32' });
    const name = 'mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight';
    const whole = formula(name, parameters.get(name)!);
    const halves = [`${name}[0:64]`, `${name}[64:128]`].map((half) => model.graph.initializers.get(half)!);
    const [values, gates] = await Promise.all(halves.map(elementsOf));
    expect([...values!, ...gates!]).toEqual([...whole]);
  });

  test('reads a weight in pieces, in any order', async () => {
    const { parameters } = buildGraph(optionsOf('kl-sd15-decoder'));
    const { source } = await safetensorsOf('model.safetensors', 'bfloat16', parameters);
    const { model } = buildGraph({ ...optionsOf('kl-sd15-decoder'), weights: source, placement: 'float32' });
    const weight = model.graph.initializers.get('decoder.conv_in.weight')!;
    const whole = fromBytes('float32', (await readWeightBytes(weight)).slice());
    if (weight.data.kind !== 'range') throw new Error('not in a file');
    const { source: file, length } = weight.data;
    const second = await file.read(length / 2, length / 2);
    const first = await file.read(0, length / 2);
    expect(fromBytes('float32', Uint8Array.from([...first, ...second]))).toEqual(whole);
  });
});

describe('buildGraph refuses weights that do not fit', () => {
  const build = (change: (shapes: Map<string, readonly number[]>) => void) => {
    const shapes = new Map(buildGraph(optionsOf('unet-classes')).parameters);
    change(shapes);
    const weights = formulaWeights(shapes);
    return buildGraph({ ...optionsOf('unet-classes'), weights, placement: 'float32' });
  };

  test('names a parameter that is missing', () => {
    expect(() => build((shapes) => shapes.delete('conv_out.bias'))).toThrow(
      "parameter 'conv_out.bias': the checkpoint lacks a parameter",
    );
  });

  test('names a parameter of another shape', () => {
    expect(() => build((shapes) => shapes.set('conv_in.weight', [8, 9, 3, 3]))).toThrow(
      /'conv_in.weight'.*expected \[8,4,3,3\], got \[8,9,3,3\]/,
    );
  });

  test('names a file that lies outside the folder of the graph', async () => {
    const { parameters } = buildGraph(optionsOf('unet-classes'));
    const { source } = await safetensorsOf('unet/model.safetensors', 'float32', parameters);
    const options = { ...optionsOf('unet-classes'), weights: source };
    expect(() => buildGraph({ ...options, folder: 'vae' })).toThrow("a file in 'vae/'");
    const { initializers } = buildGraph({ ...options, folder: 'unet' }).model.graph;
    expect(initializers.get('conv_in.bias')!.data).toMatchObject({ location: 'model.safetensors' });
  });

  test('lists what it did not use', () => {
    expect(build((shapes) => shapes.set('position_ids', [1, 77])).unused).toEqual(['position_ids']);
  });

  test('takes linear layers that older checkpoints keep as 1×1 convolutions', () => {
    const name = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight';
    expect(() => build((shapes) => shapes.set(name, [16, 16, 1, 1]))).not.toThrow();
  });
});
