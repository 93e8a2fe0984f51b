import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWeightFile, readModel, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';
import { fusedModel } from '../__fixtures__/fused-model.js';

interface InspectionJson {
  readonly model: string;
  readonly pipeline: {
    readonly sampler: {
      readonly name: string;
      readonly calls: number | null;
      readonly problem: string | null;
    };
  } | null;
  readonly graph: {
    readonly parameters: number;
    readonly inputs: readonly {
      readonly name: string;
      readonly dtype: string;
      readonly analysedDims: readonly number[];
    }[];
    readonly multiplyAdds: number;
    readonly notCounted: Readonly<Record<string, number>>;
    readonly cuts: readonly { readonly id: string; readonly cachedShare: number }[];
    readonly layers: readonly {
      readonly id: string;
      readonly compute: string;
      readonly multiplyAdds: number;
      readonly reason: string;
    }[];
  };
}

async function inspectJson(...argv: readonly string[]): Promise<InspectionJson> {
  const { exitCode, stdout, stderr } = await cachequant(['inspect', ...argv, '--json']);
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as InspectionJson;
}

describe('inspect', () => {
  test.each([
    ['sdxl-unet', 'up-concat', { timestep: [], encoder_hidden_states: [2, 77, 32], time_ids: [2, 6] }],
    ['ddpm-unet', 'up-concat', { sample: [2, 3, 32, 32], timestep: [] }],
    ['dit', 'residual-delta', { hidden_states: [2, 4, 16, 16], class_labels: [2] }],
    ['sd-unet-dynamo', 'up-concat', { sample: [2, 4, 16, 16], timestep: [2] }],
  ])('finds inputs, sizes and cuts of %s', async (model, kind, dims) => {
    const { graph } = await inspectJson(`models/tiny/${model}/model.onnx`);
    const analysed = Object.fromEntries(graph.inputs.map((input) => [input.name, input.analysedDims]));
    expect(analysed).toMatchObject(dims);
    expect(
      graph.cuts.every(({ id, cachedShare }) => id.startsWith(kind) && cachedShare > 0 && cachedShare < 1),
    ).toBe(true);
    expect(graph.cuts.length).toBeGreaterThan(3);
  });

  test('plans most of the arithmetic in integers, and gives a reason for every float layer', async () => {
    const { graph } = await inspectJson('models/tiny/sd-unet-float-timestep');
    const integer = graph.layers.filter(({ compute }) => compute === 'integer');
    const share = integer.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0) / graph.multiplyAdds;
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(1);
    expect(
      graph.layers.filter(({ compute }) => compute === 'float').every(({ reason }) => reason !== ''),
    ).toBe(true);
    expect(integer.every(({ reason }) => reason === '')).toBe(true);
  });

  test('--dim fixes a shape, and its symbols in the other inputs', async () => {
    const small = await inspectJson('models/tiny/sd-unet-dynamo/model.onnx');
    const { graph } = await inspectJson('models/tiny/sd-unet-dynamo/model.onnx', '--dim', 'sample=4,4,16,16');
    expect(graph.inputs.map(({ analysedDims }) => analysedDims)).toEqual([[4, 4, 16, 16], [4], [4, 77, 32]]);
    // Everything but the time embedding grows with the batch.
    expect(graph.multiplyAdds / small.graph.multiplyAdds).toBeCloseTo(2, 5);
  });

  test('shows a folder with its sampler, its calls and the length of its prompts', async () => {
    const { pipeline, graph } = await inspectJson('models/fashion-sd');
    expect(pipeline?.sampler).toMatchObject({ name: 'PNDMScheduler', calls: 51, problem: null });
    expect(graph.inputs.at(-1)?.analysedDims).toEqual([2, 16, 64]);
    expect(graph.parameters).toBe(4_192_900);
  });

  test('prints for people, with --layers one line a layer', async () => {
    const brief = await cachequant(['inspect', 'models/tiny/dit']);
    const { stdout } = await cachequant(['inspect', 'models/tiny/dit', '--layers']);
    expect(brief.stdout).toMatch(
      /hidden_states\s+float32\s+\[batch_size, 4, 16, 16\]\s+analysed as \[2, 4, 16, 16\]/,
    );
    expect(brief.stdout).toMatch(/residual-delta-\d-\d\s+a cached call takes [\d.]+ %/);
    const planned = Number(/Planned layers \((\d+)\)/.exec(stdout)?.[1]);
    const listed = stdout
      .slice(stdout.indexOf('\nLayers\n') + '\nLayers\n'.length)
      .trimEnd()
      .split('\n');
    expect(stdout.startsWith(brief.stdout)).toBe(true);
    expect(listed).toHaveLength(planned);
  });

  test('a scheduler that there is none of is shown as a problem, with what there is', async () => {
    const folder = copyOfFashionConfigs();
    writeFileSync(join(folder, 'scheduler/scheduler_config.json'), '{"_class_name": "NoSuchScheduler"}');
    const { pipeline } = await inspectJson(folder);
    expect(pipeline?.sampler.calls).toBeNull();
    expect(pipeline?.sampler.problem).toMatch(/NoSuchScheduler.*DDIMScheduler/);
  });
});

test('inspect names the operators of a graphics card that hide the cuts, and says what to do', async () => {
  const path = await fusedModel();
  const { exitCode, stdout } = await cachequant(['inspect', path]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /none found: operators that are not looked through: .*\d+ NhwcConv.*\d+ SkipGroupNorm.*no --optimize/,
  );
  const { stdout: json } = await cachequant(['inspect', path, '--json']);
  expect(JSON.parse(json).graph).toMatchObject({ cuts: [], problem: expect.stringContaining('NhwcConv') });
});

test('inspect counts the arithmetic of fused operators, and says what it has not counted', async () => {
  const at = ['--dim', 'sample=1,3,16,16'];
  const plain = await inspectJson('models/tiny/ddpm-unet/model.onnx', ...at);
  const fused = await inspectJson(await fusedModel(), ...at);
  expect(fused.graph.multiplyAdds).toBe(plain.graph.multiplyAdds);
  expect([plain.graph.notCounted, fused.graph.notCounted]).toEqual([{}, {}]);

  const { stdout } = await cachequant(['inspect', await fusedModel({ Softmax: 'Mystery' })]);
  expect(stdout).toMatch(/a call takes [\d.]+ \w? ?multiply-adds\n {2}not counted: .*\d+ Mystery/);
});

describe('inspect of what is no model fails and says why', () => {
  test('a path with nothing there', async () => {
    await expectFailure(
      ['inspect', 'no/such/model.onnx'],
      'no/such/model.onnx: there is no such file or folder',
    );
  });

  test('a folder without a model', async () => {
    await expectFailure(['inspect', temporaryFolder()], 'the folder holds no diffusion model');
  });

  test('a file that is no ONNX', async () => {
    await expectFailure(['inspect', 'package.json'], 'package.json');
  });

  test('a model that was cut off', async () => {
    const whole = readFileSync(inRepository('models/tiny/dit/model.onnx'));
    const file = join(temporaryFolder(), 'model.onnx');
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    await expectFailure(['inspect', file], 'model.onnx');
  });

  test('weights that are shorter than the model says', async () => {
    const folder = join(temporaryFolder(), 'cut');
    expect((await cachequant(['cut', 'models/tiny/dit/model.onnx', '--out', folder])).exitCode).toBe(0);
    const weights = join(folder, 'weights.bin');
    writeFileSync(weights, readFileSync(weights).subarray(0, 1000));
    await expectFailure(['inspect', join(folder, 'full.onnx')], 'weights.bin');
  });

  test('external weights in whose place Git LFS left a pointer', async () => {
    const folder = temporaryFolder();
    const model = await readModel(nodeStorage(inRepository('models/tiny/ddpm-unet')), 'model.onnx');
    const weightFile = await createWeightFile(nodeStorage(folder), 'weights.bin', {
      location: 'weights.bin',
    });
    await writeModel(nodeStorage(folder), 'model.onnx', model, { weightFile });
    await weightFile.commit();
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1234\n`;
    writeFileSync(join(folder, 'weights.bin'), pointer);
    const { exitCode, stderr } = await cachequant(['inspect', join(folder, 'model.onnx')]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /weights\.bin: this is a Git LFS pointer, not the file itself\. Fetch .*git lfs pull/,
    );
  });

  test('a shape that does not fit an input', async () => {
    await expectFailure(
      ['inspect', 'models/tiny/dit/model.onnx', '--dim', 'hidden_states=2,4,8,8'],
      'expected [batch_size, 4, 16, 16], got [2, 4, 8, 8]',
    );
  });
});

async function expectFailure(argv: readonly string[], message: string): Promise<void> {
  const { exitCode, stdout, stderr } = await cachequant(argv);
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('bug in cachequant');
  expect(stderr).not.toMatch(/^ +at /m);
}

/** The model folder with a tiny denoiser in place of its own, which is all that inspecting reads. */
function copyOfFashionConfigs(): string {
  const folder = temporaryFolder();
  for (const part of ['scheduler', 'unet']) mkdirSync(join(folder, part));
  copyFileSync(inRepository('models/fashion-sd/model_index.json'), join(folder, 'model_index.json'));
  for (const name of ['model.onnx', 'config.json']) {
    copyFileSync(inRepository(`models/tiny/sd-unet-float-timestep/${name}`), join(folder, 'unet', name));
  }
  return folder;
}
