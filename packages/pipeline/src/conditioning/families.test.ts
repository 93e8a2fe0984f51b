import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { createGenerator } from '../generate/generator.js';
import { openModelFolder } from '../model/model-folder.js';
import type { ConditioningFamily } from './conditioning-encoder.js';
import { conditioningFamily, openConditioning } from './open-conditioning.js';

const TEXT_INPUT = { name: 'states', dtype: 'float32', dims: [null, null, null] } as const;
const SIZE = { width: 32, height: 32 };

let runtime: Runtime;

beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});

afterAll(() => runtime.dispose());

describe('conditioningFamily(model, families)', () => {
  it('tells families by the folder and the inputs', async () => {
    const text = await openModelFolder(modelStorage('fashion-sd'));
    const plain = { ...text, textEncoder: undefined };
    expect(conditioningFamily({ folder: text, inputs: [TEXT_INPUT] }).name).toBe('one text encoder');
    expect(conditioningFamily({ folder: plain, inputs: [] }).name).toBe('unconditional');
  });

  it('refuses inputs that no family feeds, by name', async () => {
    const folder = await openModelFolder(modelStorage('fashion-sd'));
    const inputs = [TEXT_INPUT, { ...TEXT_INPUT, name: 'time_ids' }];
    expect(() => conditioningFamily({ folder, inputs })).toThrow(/states, time_ids/);
  });
});

describe('conditioningFamily of a denoiser with an extension', () => {
  it.each([
    ['down_block_0_additional_residual', /the residuals of a ControlNet.*beside it, as controlnet/],
    ['image_embeds', /an image prompt/],
    ['class_labels', /a class/],
  ])('says what %s is for', async (name, message) => {
    const folder = await openModelFolder(modelStorage('fashion-sd'));
    const inputs = [TEXT_INPUT, { ...TEXT_INPUT, name }];
    expect(() => conditioningFamily({ folder, inputs })).toThrow(message);
  });
});

describe('openConditioning(model, runtime)', () => {
  it('feeds an input of any name, with the negative prompt as the unconditional half', async () => {
    const folder = await openModelFolder(modelStorage('fashion-sd'));
    const model = { folder, inputs: [TEXT_INPUT] };
    const encoder = await openConditioning({ ...model, family: conditioningFamily(model) }, runtime);
    const asked = { prompt: 'a red shoe', negativePrompt: 'a blue dress', ...SIZE };
    const swapped = { prompt: 'a blue dress', negativePrompt: 'a red shoe', ...SIZE };
    const first = await encoder.encode(asked, 'conditional');
    expect(Object.keys(first)).toEqual(['states']);
    expect(await encoder.encode(swapped, 'unconditional')).toEqual(first);
    expect(await encoder.encode(asked, 'unconditional')).not.toEqual(first);
    await encoder.dispose();
  });
});

describe('createGenerator({ families })', () => {
  it('takes a family of a stranger, which goes before those that are known', async () => {
    const asked: string[] = [];
    const family: ConditioningFamily = {
      name: 'constant',
      takesText: true,
      guided: false,
      accepts: ({ inputs }) => inputs.length === 1,
      open: async ({ inputs }) => ({
        encode: async ({ prompt, width }, half) => {
          asked.push(`${prompt}, ${width}, ${half}`);
          return { [inputs[0]!.name]: tensor('float32', [1, 32, 64]) };
        },
        dispose: async () => {},
      }),
    };
    const storage = modelStorage('fashion-sd');
    const generator = await createGenerator({ storage, runtime, families: [family] });
    const { images } = await generator.generate({ prompt: 'anything', steps: 2, guidanceScale: 7 });
    expect(images).toHaveLength(1);
    expect(new Set(asked)).toEqual(new Set(['anything, 32, conditional']));
    await generator.dispose();
  });
});
