import { describe, expect, test } from 'vitest';
import { formulaWeights, readFixture } from '../__fixtures__/formula-weights.js';
import { type Family, type LonePart, openPart, openSingleFile, type WeightSource } from '../index.js';

type Shapes = Record<string, readonly number[]>;
const cases = readFixture<Record<string, { family: Family; shapes: Shapes }>>('single-files.json.gz');

/** The names of a file that begin with a prefix, without it or behind another one. */
function alone(shapes: Shapes, prefix: string, behind = ''): Shapes {
  return Object.fromEntries(
    Object.entries(shapes)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, shape]) => [behind + name.slice(prefix.length), shape]),
  );
}

const shapesOf = (weights: WeightSource) =>
  Object.fromEntries([...weights.names()].map((name) => [name, weights.shapeOf(name)]));

const SDXL_FIRST = 'conditioner.embedders.0.transformer.';
const SDXL_SECOND = 'conditioner.embedders.1.model.';

describe('openPart reads what openSingleFile reads of the whole file', () => {
  test.each<[string, string, LonePart, (shapes: Shapes) => Shapes]>([
    ['sd1', 'a whole file', 'vae', (shapes) => shapes],
    ['sd1', 'an autoencoder as it was trained', 'vae', (shapes) => alone(shapes, 'first_stage_model.')],
    [
      'sdxl',
      'an autoencoder with its prefix',
      'vae',
      (shapes) => alone(shapes, 'first_stage_model.', 'first_stage_model.'),
    ],
    ['sd1', 'a text encoder', 'text_encoder', (shapes) => alone(shapes, 'cond_stage_model.transformer.')],
    [
      'sd1',
      'a text encoder of the fifth version of transformers',
      'text_encoder',
      (shapes) => alone(shapes, 'cond_stage_model.transformer.text_model.'),
    ],
    ['sd2', "OpenCLIP's text encoder", 'text_encoder', (shapes) => alone(shapes, 'cond_stage_model.model.')],
    ['sdxl', 'the first text encoder', 'text_encoder', (shapes) => alone(shapes, SDXL_FIRST)],
    ['sdxl', 'the second text encoder', 'text_encoder_2', (shapes) => alone(shapes, SDXL_SECOND)],
  ])('of %s: %s', async (name, _, part, cut) => {
    const { family, shapes } = cases[name]!;
    const whole = (await openSingleFile(formulaWeights(shapes))).components.get(part)!;
    const { weights, config } = openPart(formulaWeights(cut(shapes)), part, family);
    expect(shapesOf(weights)).toEqual(shapesOf(whole.weights));
    expect(config).toEqual(whole.config);
  });

  test("under the libraries' own names", async () => {
    for (const [name, part] of [
      ['sd1', 'vae'],
      ['sdxl', 'text_encoder_2'],
    ] as const) {
      const { family, shapes } = cases[name]!;
      const whole = (await openSingleFile(formulaWeights(shapes))).components.get(part)!;
      const { weights, config } = openPart(formulaWeights(shapesOf(whole.weights)), part, family);
      expect(shapesOf(weights)).toEqual(shapesOf(whole.weights));
      expect(config).toEqual(whole.config);
    }
  });
});

test('openPart refuses a file without the part, and a text encoder without its projection', () => {
  const { shapes } = cases.sd1!;
  const unet = formulaWeights(alone(shapes, 'model.diffusion_model.', 'model.diffusion_model.'));
  for (const part of ['vae', 'text_encoder', 'text_encoder_2'] as const) {
    expect(() => openPart(unet, part, 'sd1')).toThrow(/the file holds no/);
  }
  const text = formulaWeights(alone(shapes, 'cond_stage_model.transformer.'));
  expect(() => openPart(text, 'text_encoder_2', 'sdxl')).toThrow(/no text encoder of OpenCLIP/);
});
