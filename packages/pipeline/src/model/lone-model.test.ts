import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText, type Storage, writeFile } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loneGraph, npyOf } from '../__fixtures__/lone-graph.js';
import { modelStorage } from '../__fixtures__/models.js';
import type { GenerationRequest } from '../generate/generation-request.js';
import { createGenerator } from '../generate/generator.js';
import { type InputOrigin, loneModel } from './lone-model.js';

const REQUEST = { width: 16, height: 16, steps: 3, seed: 5 };
const SAME = { noisy: { from: 'sample' }, sigma: { from: 'time' } } as const;
const array = (...values: number[]): InputOrigin => ({ from: 'array', npy: npyOf([1, 3, 1, 1], values) });
const value = (number: number): InputOrigin => ({ from: 'value', value: number });

let runtime: Runtime;
let storage: Storage;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
  storage = await loneGraph();
});
afterAll(() => runtime.dispose());

async function draw(model: Storage, request: GenerationRequest = {}) {
  const generator = await createGenerator({ storage: model, runtime });
  try {
    return (await generator.generate({ ...REQUEST, ...request })).images[0]!.latents.data;
  } finally {
    await generator.dispose();
  }
}

const plain = (samplerOverrides: Readonly<Record<string, unknown>> = {}) =>
  draw(modelStorage('tiny/ddpm-unet'), {
    sampler: 'DDIMScheduler',
    samplerOverrides: { clip_sample: false, ...samplerOverrides },
  });

describe('loneModel(storage, { graph, inputs, prediction })', () => {
  it('feeds inputs of any names: sample, time, an array and a number', async () => {
    const inputs = { ...SAME, x: array(1, -2, 3), gain: value(0) };
    const model = await loneModel(storage, { graph: 'graph.onnx', inputs, prediction: 'epsilon' });
    expect(await draw(model)).toEqual(await plain());
    const shifted = { ...inputs, gain: value(0.5) };
    const other = await loneModel(storage, { graph: 'graph.onnx', inputs: shifted, prediction: 'epsilon' });
    expect(await draw(other)).not.toEqual(await plain());
    const half = { ...SAME, x: array(0.5, -1, 1.5), gain: value(1) };
    const again = await loneModel(storage, { graph: 'graph.onnx', inputs: half, prediction: 'epsilon' });
    expect(await draw(again)).toEqual(await draw(other));
  });

  it('samples what the network predicts', async () => {
    const inputs = { ...SAME, x: array(0, 0, 0), gain: value(1) };
    const model = await loneModel(storage, { graph: 'graph.onnx', inputs, prediction: 'v_prediction' });
    expect(await draw(model)).toEqual(await plain({ prediction_type: 'v_prediction' }));
    for (const [prediction, sampler] of [
      ['flow_prediction', 'FlowMatchEulerDiscreteScheduler'],
      ['consistency', 'CMStochasticIterativeScheduler'],
    ] as const) {
      const other = await loneModel(storage, { graph: 'graph.onnx', inputs, prediction });
      const config = JSON.parse(await readText(other, 'scheduler/scheduler_config.json'));
      expect(config._class_name).toBe(sampler);
      expect((await draw(other)).every(Number.isFinite)).toBe(true);
    }
  });

  it('says where each input comes from, and shows nothing else of the folder', async () => {
    await writeFile(storage, 'unet/model.onnx', 'somebody else');
    const inputs = { ...SAME, x: array(0, 0, 0), gain: value(1) };
    const model = await loneModel(storage, { graph: 'graph.onnx', inputs, prediction: 'epsilon' });
    expect(await model.list()).toEqual([
      'inputs.json',
      'inputs/x_condition.npy',
      'model.onnx',
      'scheduler/scheduler_config.json',
    ]);
    expect(JSON.parse(await readText(model, 'inputs.json'))).toEqual({
      inputs: {
        sample: { from: 'sample', was: 'noisy' },
        timestep: { from: 'time', was: 'sigma' },
        x_condition: { from: 'file', was: 'x', file: 'inputs/x_condition.npy' },
        gain: { from: 'value', was: 'gain', value: 1 },
      },
    });
  });

  it('knows the usual names by themselves', async () => {
    const model = await loneModel(modelStorage('tiny/ddpm-unet'), {
      graph: 'model.onnx',
      prediction: 'epsilon',
    });
    expect(await draw(model)).toEqual(await plain());
  });

  it.each<[string, Record<string, InputOrigin>, RegExp]>([
    ['an input that is not there', { ...SAME, y: value(1) }, /no input y.*expected noisy, sigma, x, gain/],
    ['an input that nothing feeds', { ...SAME, x: array(0, 0, 0) }, /nothing feeds gain/],
    ['two samples', { ...SAME, x: { from: 'sample' }, gain: value(1) }, /one noisy sample.*2 and 1/],
  ])('refuses %s', async (_, inputs, message) => {
    await expect(loneModel(storage, { graph: 'graph.onnx', inputs })).rejects.toThrow(message);
  });

  it.each<[string, InputOrigin, RegExp]>([
    [
      'an array of another shape',
      { from: 'array', npy: npyOf([1, 4, 1, 1], [0, 0, 0, 0]) },
      /does not fit.*\[1,3,1,1\]/,
    ],
    ['several conditions', { from: 'array', npy: npyOf([2, 3, 1, 1], [0, 0, 0, 0, 0, 0]) }, /does not fit/],
    ['a file that is no array', { from: 'array', npy: new Uint8Array(40) }, /no array of NumPy/],
    ['an array that was cut off', { from: 'array', npy: npyOf([3, 1, 1], [0, 0]) }, /not as long as it says/],
  ])('refuses %s when the model is opened', async (_, x, message) => {
    const inputs = { ...SAME, x, gain: value(1) };
    const model = await loneModel(storage, { graph: 'graph.onnx', inputs, prediction: 'epsilon' });
    await expect(createGenerator({ storage: model, runtime })).rejects.toThrow(message);
  });
});
