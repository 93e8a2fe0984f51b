import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EvaluationSummary } from '@cachequant/evaluate';
import { readModel, readWeight, weightOf, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

const ARGUMENTS = ['evaluate', 'model', '--reference', 'model', '--steps', '2', '--out', 'result.json'];

describe('evaluate', () => {
  test('measures equal models as equal, and writes what it measured', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'model'));
    const scorer = inRepository('models/fashion-eval/evaluator.onnx');
    const { exitCode, stdout } = await cachequant([...ARGUMENTS, '--images', '2', '--scorer', scorer], {
      cwd: folder,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('2 images');
    const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as EvaluationSummary;
    expect(result.measures.psnr).toMatchObject({ mean: 100, count: 2 });
    expect(result.measures.ssim!.mean).toBeCloseTo(1, 9);
    expect(result.errorPerCall).toEqual([0, 0]);
    expect(result.frechet.toReference).toBeCloseTo(0, 4);
    expect(result.frechet.toReal).toBeGreaterThan(0);
    expect(existsSync(join(folder, 'result.json.partial'))).toBe(false);
  });

  test('stops at a model that gives NaN, names the layer, and writes no result', async () => {
    const folder = temporaryFolder();
    for (const name of ['model', 'broken']) makeTinyPipeline(join(folder, name));
    const unet = nodeStorage(join(folder, 'broken/unet'));
    const model = await readModel(nodeStorage(join(folder, 'model/unet')), 'model.onnx');
    const [name, weight] = [...model.graph.initializers].find(([key]) =>
      /mid_block.*conv1.weight/.test(key),
    )!;
    const { dims, data } = await readWeight(weight);
    const values = Float32Array.from(data as Float32Array).fill(Number.NaN, 0, 1);
    model.graph.initializers.set(name, weightOf(tensor('float32', dims, values), name));
    await writeModel(unet, 'model.onnx', model);
    const argv = [
      'evaluate',
      'broken',
      '--reference',
      'model',
      '--steps',
      '2',
      '--images',
      '1',
      '--out',
      'result.json',
    ];
    const { exitCode, stderr } = await cachequant(argv, { cwd: folder });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/call 0 .*layer Conv .*mid_block/);
    expect(existsSync(join(folder, 'result.json'))).toBe(false);
  });

  test('says what is wrong with what it was given', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'model'));
    const fails = async (...options: string[]) =>
      (await cachequant(['evaluate', 'model', ...options], { cwd: folder })).stderr;
    expect(await fails('--scorer', 'none.onnx')).toContain('there is no such file or folder');
    expect(await fails('--scorer', 'model/unet/model.onnx', '--steps', '1')).toContain('takes no pictures');
    expect(await fails('--prompts', 'none.txt')).toContain('there is no such file');
    expect(await fails('--prompt', 'x', '--prompts', 'none.txt')).toContain('either --prompt or --prompts');
  });
});
