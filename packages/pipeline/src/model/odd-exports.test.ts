import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { type OddExport, oddExport } from '../__fixtures__/odd-exports.js';
import type { GenerationRequest } from '../generate/generation-request.js';
import { createGenerator, type GeneratorOptions } from '../generate/generator.js';
import { type LoneModelOptions, loneModel } from './lone-model.js';

const REQUEST = { width: 16, height: 16, steps: 2, seed: 5 };
const NAMED = { noisy_pic: { from: 'sample' }, tt: { from: 'time' } } as const;
const TIMED = { tt: { from: 'time' } } as const;

let runtime: Runtime;
let expected: Float32Array;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  expected = await latentsOf(modelStorage('tiny/ddpm-unet'), {
    sampler: 'DDIMScheduler',
    samplerOverrides: { clip_sample: false },
  });
});
afterAll(() => runtime.dispose());

async function latentsOf(storage: GeneratorOptions['storage'], request: GenerationRequest = {}) {
  const generator = await createGenerator({ storage, runtime });
  try {
    return (await generator.generate({ ...REQUEST, ...request })).images[0]!.latents.data as Float32Array;
  } finally {
    await generator.dispose();
  }
}

async function latentsOfExport(
  kind: OddExport,
  options: Partial<LoneModelOptions>,
  request?: GenerationRequest,
) {
  const model = await loneModel(await oddExport(kind), {
    graph: 'graph.onnx',
    prediction: 'epsilon',
    ...options,
  });
  return latentsOf(model, request);
}

describe('loneModel(storage, options) of what other exporters write', () => {
  it.each<[OddExport, Partial<LoneModelOptions>]>([
    ['names and order', { inputs: NAMED }],
    ['time int32 [B]', { inputs: TIMED }],
    ['time float32 [1]', { inputs: TIMED }],
    ['time float32 [B, 1]', { inputs: TIMED }],
    ['time float64 []', { inputs: TIMED }],
    ['another output before', {}],
    ['two outputs alike', { output: 'first' }],
  ])('runs %s as the network under its usual names', async (kind, options) => {
    expect(await latentsOfExport(kind, options)).toEqual(expected);
  });

  it.each<[OddExport, Partial<LoneModelOptions>, RegExp]>([
    ['channels last', {}, /channels last.*\[B, C, H, W\], got \[B,H,W,3\]/],
    ['two outputs alike', {}, /which of them predicts is not told.*first .*second .*--output/],
    ['two outputs alike', { output: 'third' }, /no output third.*first, second/],
    ['names and order', { inputs: { tt: { from: 'time' } } }, /one noisy sample.*0 and 1/],
  ])('refuses %s with %o', async (kind, options, message) => {
    await expect(latentsOfExport(kind, options)).rejects.toThrow(message);
  });
});

describe('loneModel(storage, { inputs }) of a graph that draws classes', () => {
  const inputs = {
    y: { from: 'class', classes: 10, none: 10 },
    strength: { from: 'guidance' },
  } as const;

  it('feeds the class of the request, and the label for none to the other half', async () => {
    const plain = { ...inputs, strength: { from: 'value', value: 0 } } as const;
    const one = { classLabel: 1, guidanceScale: 1 };
    expect(await latentsOfExport('classes', { inputs: plain }, one)).toEqual(expected);
    const strong = { ...inputs, strength: { from: 'value', value: 1 } } as const;
    const drawn = await latentsOfExport('classes', { inputs: strong }, one);
    expect(drawn).not.toEqual(expected);
    expect(await latentsOfExport('classes', { inputs: strong }, { ...one, classLabel: 2 })).not.toEqual(
      drawn,
    );
    // Between the class and none, which adds nothing.
    const guided = await latentsOfExport('classes', { inputs: strong }, { ...one, guidanceScale: 3 });
    expect(guided).not.toEqual(drawn);
  });

  it('feeds the guidance scale to an input, in place of a second half', async () => {
    const unguided = { ...inputs, y: { from: 'class', classes: 11 } } as const;
    const none = { classLabel: 10, guidanceScale: 2 };
    // The last entry of the table is zeros.
    expect(await latentsOfExport('classes', { inputs: unguided }, none)).toEqual(expected);
    const two = await latentsOfExport('classes', { inputs: unguided }, { ...none, classLabel: 3 });
    const fixed = { ...unguided, strength: { from: 'value', value: 2 } } as const;
    expect(two).toEqual(await latentsOfExport('classes', { inputs: fixed }, { classLabel: 3 }));
  });

  it.each<[string, GenerationRequest, RegExp]>([
    ['a request without a class', {}, /class label is missing/],
    ['a class that there is none of', { classLabel: 10 }, /no such class.*0 to 9/],
  ])('refuses %s', async (_, request, message) => {
    await expect(latentsOfExport('classes', { inputs }, request)).rejects.toThrow(message);
  });
});
