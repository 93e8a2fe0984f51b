import { describe, expect, it } from 'vitest';
import { type OptimizeOptions, parseRecipe } from './recipe.js';

describe('parseRecipe', () => {
  it('has a default for everything that does not depend on the model', () => {
    expect(parseRecipe({})).toMatchObject({
      bits: 'w8a8',
      rounding: 'second-order',
      cacheCorrection: 'auto',
      calibrationImages: expect.any(Number),
      verificationImages: expect.any(Number),
    });
  });

  it('takes the numbers of images that are given over those of the effort', () => {
    const recipe = parseRecipe({ effort: 'fast', calibrationImages: 7 });
    expect(recipe.calibrationImages).toBe(7);
    expect(recipe.verificationImages).toBe(parseRecipe({ effort: 'fast' }).verificationImages);
  });

  it('compares every kind of schedule unless one is named', () => {
    expect(parseRecipe({ effort: 'thorough' }).schedules).toEqual([
      'uniform',
      'quadratic',
      'dp',
      'forecast-dp',
    ]);
    expect(parseRecipe({ schedule: 'dp' }).schedules).toEqual(['dp']);
  });

  it("makes the paper's recipe of its schedule and its correction, and refuses others with it", () => {
    expect(parseRecipe({ recipe: 'paper' })).toMatchObject({ schedules: ['dp'], cacheCorrection: 'paper' });
    expect(parseRecipe({ recipe: 'paper', schedule: 'dp' }).schedules).toEqual(['dp']);
    expect(() => parseRecipe({ recipe: 'paper', schedule: 'uniform' })).toThrow(
      "option schedule: the paper's recipe has its own (expected dp, got uniform)",
    );
  });

  it.each([
    [{ interval: 0 }, 'interval'],
    [{ steps: 2.5 }, 'steps'],
    [{ steps: '20' }, 'steps'],
    [{ guidanceScale: Number.NaN }, 'guidanceScale'],
    [{ bits: 'w2a8' }, 'bits'],
    [{ rounding: 'up' }, 'rounding'],
    [{ schedule: 'best' }, 'schedule'],
    [{ prompts: [] }, 'prompts'],
    [{ prompts: ['a', 3] }, 'prompts.1'],
    [{ calibrationImages: 0 }, 'calibrationImages'],
  ])('refuses %j and names the option', (options, where) => {
    const parse = () => parseRecipe(options as OptimizeOptions);
    expect(parse).toThrow(expect.objectContaining({ code: 'invalid-argument', where: `option ${where}` }));
  });

  it('refuses an option that does not exist, and lists those that do', () => {
    const parse = () => parseRecipe({ intervall: 3 } as OptimizeOptions);
    expect(parse).toThrow(/intervall.*interval, /s);
    expect(() => parseRecipe('fast' as OptimizeOptions)).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});
