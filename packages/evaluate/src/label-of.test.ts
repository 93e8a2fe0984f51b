import { describe, expect, it } from 'vitest';
import { labelOf } from './label-of.js';

const KINDS = [['t-shirt', 'top'], ['shirt'], ['ankle boot', 'boot'], ['bag', 'handbag'], ['boots']];

describe('labelOf(text, classes)', () => {
  it.each([
    ['a photo of a red t-shirt', 0],
    ['a photo of a red shirt', 1],
    ['Black Ankle Boot', 2],
    ['a boot', 2],
    ['green handbag', 3],
    ['two boots', 4],
    ['a pair of shirtless trousers', undefined],
    ['', undefined],
  ])('of %j is %s', (text, label) => {
    expect(labelOf(text, KINDS)).toBe(label);
  });
});
