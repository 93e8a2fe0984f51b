import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { labelOf } from './label-of.js';
import { readScorerReference } from './scorer-reference.js';

const fashion = JSON.parse(
  readFileSync(new URL('../../../models/fashion-eval/reference.json', import.meta.url), 'utf8'),
);

describe('readScorerReference(json, outputs)', () => {
  it('finds distribution, names and synonyms of models/fashion-eval', () => {
    const { distribution, classes } = readScorerReference(fashion, ['features', 'kind', 'color']);
    expect(distribution).toMatchObject({ count: 10000 });
    expect(distribution!.covariance).toHaveLength(128 * 128);
    expect(Object.keys(classes)).toEqual(['kind', 'color']);
    expect(labelOf('a photo of a teal jacket', classes.kind!)).toBe(4);
    expect(labelOf('a photo of a teal jacket', classes.color!)).toBe(6);
  });

  it('leaves out what is not there, and says what is wrong with what is', () => {
    expect(readScorerReference({}, ['score'])).toEqual({ distribution: undefined, classes: {} });
    expect(() => readScorerReference({ mean: 'x' }, [])).toThrow('scorer reference, mean');
    expect(() => readScorerReference({ count: 3, mean: [1, 2], covariance: [[1]] }, [])).toThrow(
      'expected a covariance of 2 × 2, got 1 rows',
    );
  });
});
