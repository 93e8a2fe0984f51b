import { expect, it } from 'vitest';
import { sqnrDb } from './sqnr.js';

it('sqnrDb gives 20 dB for errors of a tenth, and 300 for none', () => {
  expect(sqnrDb([1, -2, 3], [1.1, -2.2, 3.3])).toBeCloseTo(20, 10);
  expect(sqnrDb([1, -2, 3], [1, -2, 3])).toBe(300);
});
