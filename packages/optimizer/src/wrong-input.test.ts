import { readModel, readWeight, weightOf, writeModel } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { CacheQuantError, type Runtime, readText, type Storage, tensor, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from './__fixtures__/models.js';
import { writeGraph, writeSharedWeights } from './graphs/float-graphs.js';
import { optimize } from './optimize.js';
import type { OptimizeOptions } from './recipe.js';

const QUICK: OptimizeOptions = { steps: 4, interval: 2, calibrationImages: 1, verificationImages: 1 };

describe('optimize refuses', () => {
  const controller = new AbortController();
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
  });
  afterAll(() => runtime.dispose());

  /** The error, once it is clear that nothing was written where the bundle goes. */
  async function refusal(source: Storage, options: OptimizeOptions = {}): Promise<CacheQuantError> {
    const out = memoryStorage();
    try {
      await optimize({ source, work: memoryStorage(), out, runtime, options: { ...QUICK, ...options } });
    } catch (error) {
      expect(await out.list()).toEqual([]);
      if (CacheQuantError.is(error)) return error;
      throw error;
    }
    throw new Error('it was not refused');
  }

  const fashion = modelStorage('fashion-sd');

  it('a folder that is no model', async () => {
    const source = memoryStorage();
    await writeFile(source, 'notes.txt', 'nothing');
    const error = await refusal(source);
    expect(error).toMatchObject({ code: 'invalid-argument', hint: expect.stringContaining('optimum-cli') });
    expect(error.message).toContain('holds no diffusion model');
  });

  it('a bundle', async () => {
    const source = await modelCopy('fashion-sd', { 'unet/model.onnx': undefined, 'denoiser/full.onnx': 'x' });
    const error = await refusal(source);
    expect(error.message).toMatch(/bundle.*optimized already.*model folder/s);
  });

  it('a work folder or a place for the bundle where another run is, and takes them when that has ended', async () => {
    const [work, out] = [memoryStorage(), memoryStorage()];
    const request = { source: fashion, work, out, runtime, options: QUICK };
    for (const lock of [await work.lock('work'), await out.lock('bundle')]) {
      await expect(optimize(request)).rejects.toMatchObject({
        code: 'storage',
        message: expect.stringContaining('another run is using this folder'),
      });
      expect(await out.list()).toEqual([]);
      await lock.release();
    }
    // The refused runs have given back what they held.
    const stopped = optimize({ ...request, onStage: () => controller.abort(), signal: controller.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    for (const lock of [await work.lock('work'), await out.lock('bundle')]) await lock.release();
  });

  it.each([
    ['unet/model.onnx', 'the denoiser'],
    ['text_encoder/config.json', 'another part'],
  ])('a model whose %s changes while it is optimized, and saves no stage of it', async (path) => {
    const source = await modelCopy('fashion-sd');
    const [work, out] = [memoryStorage(), memoryStorage()];
    const bytes = await source.read(path);
    const onStage = async () => {
      // The same length, as a new version of the same network has it.
      await source.remove(path);
      await writeFile(
        source,
        path,
        bytes.map((byte, i) => (i === bytes.length - 2 ? byte ^ 1 : byte)),
      );
    };
    const request = { source, work, out, runtime, options: QUICK };
    await expect(optimize({ ...request, onStage: () => void onStage() })).rejects.toMatchObject({
      code: 'storage',
      where: path,
      message: expect.stringContaining('the model has changed'),
    });
    expect((await work.list()).filter((name) => name.startsWith('stages/'))).toEqual([]);
    expect(await out.list()).toEqual([]);
  });

  it('a denoiser that was cut short', async () => {
    const source = await modelCopy('fashion-sd');
    const whole = await source.read('unet/model.onnx');
    await writeFile(source, 'unet/model.onnx', whole.subarray(0, Math.floor(whole.length / 2)));
    const error = await refusal(source);
    expect(error.code).toBe('onnx-format');
    expect(error.message).toContain('unet/model.onnx');
  });

  it('a denoiser that gives NaN, naming the layer', async () => {
    const source = await modelCopy('fashion-sd');
    const model = await readModel(source, 'unet/model.onnx');
    const name = [...model.graph.initializers.keys()].find((each) =>
      /mid_block\.resnets\.0\.conv1\.weight/.test(each),
    )!;
    const { dims, data } = await readWeight(model.graph.initializers.get(name)!);
    const values = Float32Array.from(data as Float32Array);
    values[7] = Number.NaN;
    model.graph.initializers.set(name, weightOf(tensor('float32', dims, values), name));
    await writeModel(source, 'unet/model.onnx', model);
    const error = await refusal(source);
    expect(error).toMatchObject({ code: 'non-finite', where: expect.stringContaining('call 0') });
    expect(error.message).toContain('/mid_block/resnets.0/conv1/Conv');
  });

  it('a file that is not ONNX', async () => {
    const source = await modelCopy('fashion-sd', {
      'unet/model.onnx': '<html>not found</html>',
    });
    expect((await refusal(source)).code).toBe('onnx-format');
  });

  it('a sampler that there is none of, in the folder and in the options', async () => {
    const config = await readText(fashion, 'scheduler/scheduler_config.json');
    const changed = config.replace(/"_class_name": "\w+"/, '"_class_name": "NoSuchScheduler"');
    const source = await modelCopy('fashion-sd', { 'scheduler/scheduler_config.json': changed });
    const error = await refusal(source);
    expect(error).toMatchObject({ code: 'unsupported', hint: expect.stringContaining('sampler') });
    expect(error.message).toContain('NoSuchScheduler');
    expect((await refusal(fashion, { sampler: 'warp' })).message).toContain('"warp"');
  });

  it.each([
    [{ steps: 4, interval: 3 }, /option interval.*interval up to 2 for 4 steps \(5 calls\).*interval 3/],
    [{ steps: 4, interval: 2, refreshes: 5 }, /option refreshes.*2 to 4 refreshes.*5 refreshes/],
    [{ steps: 4, interval: 2, refreshes: 9 }, /got interval 2, 9 refreshes/],
    [{ steps: 20, interval: 2, refreshes: 2 }, /6 to 20 refreshes for 20 steps \(21 calls\)/],
    [{ steps: 20, interval: 5, refreshes: 10, schedule: 'dp' }, /3 to 7 refreshes/],
    [{ steps: 1, interval: 2 }, /interval up to 1 for 1 steps/],
  ] as const)('%j, which no schedule fits', async (options, message) => {
    const error = await refusal(fashion, options);
    expect(error.code).toBe('infeasible-schedule');
    expect(error.message).toMatch(message);
  });

  it('a cut that the denoiser does not have, and names those that it has', async () => {
    const error = await refusal(fashion, { cut: 'mid-block' });
    expect(error).toMatchObject({ code: 'unsupported', where: 'mid-block' });
    expect(error.message).toMatch(/one of up-concat-\d/);
  });

  it('a layer to keep in float that is not there', async () => {
    const error = await refusal(fashion, { keepFloat: ['conv_in', 'no_such_layer'] });
    expect(error).toMatchObject({
      code: 'invalid-argument',
      where: 'option keepFloat',
      got: 'no_such_layer',
    });
  });

  it('a size that the model cannot make', async () => {
    const error = await refusal(fashion, { width: 33 });
    expect(error.code).toBe('invalid-argument');
    expect(error.message).toMatch(/width.*multiple of/);
  });

  it('an option of the wrong type', async () => {
    const error = await refusal(fashion, { interval: '5' as unknown as number });
    expect(error).toMatchObject({ code: 'invalid-argument', where: 'option interval' });
    expect(error.message).toContain('expected number');
  });

  it('prompts for a model that takes none', async () => {
    const error = await refusal(modelStorage('tiny/ddpm-unet'), { sampler: 'ddim', prompts: ['a shoe'] });
    expect(error.message).toContain('takes no text');
  });

  it('a denoiser whose conditioning nothing makes', async () => {
    const source = await modelCopy('tiny/ddpm-unet');
    const model = await readModel(source, 'model.onnx');
    model.graph.inputs.push({ ...model.graph.inputs[0]!, name: 'image_embeds' });
    await writeModel(source, 'model.onnx', model);
    const error = await refusal(source, { sampler: 'ddim' });
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(/an image prompt.*image_embeds/);
  });

  it("SDXL's denoiser without its text encoders", async () => {
    const error = await refusal(modelStorage('tiny/sdxl-unet'), { sampler: 'ddim' });
    expect(error.code).toBe('storage');
    expect(error.message).toMatch(/text_encoder.*lacks a part/);
  });

  it('a single denoiser without a sampler', async () => {
    const error = await refusal(modelStorage('tiny/ddpm-unet'));
    expect(error.message).toMatch(/sampler/);
  });

  it('places with files that it would have to delete', async () => {
    const full = memoryStorage();
    await writeFile(full, 'thesis.txt', 'years of work');
    const request = { source: fashion, runtime, options: QUICK };
    const wrongOut = optimize({ ...request, work: memoryStorage(), out: full });
    await expect(wrongOut).rejects.toMatchObject({ code: 'storage', where: 'thesis.txt' });
    const wrongWork = optimize({ ...request, work: full, out: memoryStorage() });
    await expect(wrongWork).rejects.toMatchObject({ code: 'storage', where: 'thesis.txt' });
    expect(await full.list()).toEqual(['thesis.txt']);
  });

  it('external weights that are shorter than the graph says', async () => {
    const source = await modelCopy('fashion-sd');
    const model = await readModel(source, 'unet/model.onnx');
    const [moved] = await writeSharedWeights(source, 'unet/model.onnx_data', 'model.onnx_data', [model]);
    const copy = await copyOf(source);
    await writeGraph(copy, 'unet/model.onnx', moved!);
    const weights = await source.read('unet/model.onnx_data');
    await writeFile(copy, 'unet/model.onnx_data', weights.subarray(0, 1000));
    const error = await refusal(copy);
    expect(error.code).toBe('onnx-format');
    expect(error.message).toContain('model.onnx_data');
  });
});

async function copyOf(source: Storage): Promise<Storage> {
  const copy = memoryStorage();
  for (const path of await source.list()) await writeFile(copy, path, await source.read(path));
  return copy;
}
