import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PictureRequest, pictureKey, pictureRequestSchema } from './picture-request.js';

const texts = fc.option(fc.string({ unit: 'grapheme', maxLength: 4 }), { nil: undefined });
const numbers = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });
const requests: fc.Arbitrary<PictureRequest> = fc.record({
  prompt: texts,
  negativePrompt: texts,
  seed: fc.integer({ min: 0, max: 3 }),
  steps: numbers,
  guidanceScale: numbers,
  sampler: texts,
  width: numbers,
  height: numbers,
  change: fc.option(
    fc.record({
      image: fc.constantFrom('a', 'b'),
      mask: fc.constantFrom(undefined, 'a'),
      strength: fc.constantFrom(undefined, 0.5, 1),
    }),
    { nil: undefined },
  ),
});

const fields = (request: object) =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));

const sorted = (request: object) => Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));

describe('pictureKey(fingerprint, request)', () => {
  test('is equal for equal requests alone, in whatever order their fields are', () => {
    fc.assert(
      fc.property(requests, requests, (a, b) => {
        const turned = Object.fromEntries(Object.entries(fields(a)).reverse()) as PictureRequest;
        expect(pictureKey('f', turned)).toBe(pictureKey('f', a));
        const isSame = JSON.stringify(sorted(fields(a))) === JSON.stringify(sorted(fields(b)));
        expect(pictureKey('f', a) === pictureKey('f', b)).toBe(isSame);
        expect(pictureKey('g', a)).not.toBe(pictureKey('f', a));
      }),
    );
  });

  test('takes in every field that a request may have', () => {
    const other: Record<string, unknown> = {
      prompt: 'x',
      negativePrompt: 'x',
      sampler: 'x',
      change: { image: 'x' },
    };
    const plain = pictureKey('f', { seed: 0 });
    for (const field of Object.keys(pictureRequestSchema.shape)) {
      expect(pictureKey('f', { seed: 0, [field]: other[field] ?? 7 })).not.toBe(plain);
    }
  });

  test('is made of hexadecimal digits', () => {
    expect(pictureKey('f', { prompt: '../../x', seed: 1 })).toMatch(/^[0-9a-f]{64}$/);
  });
});
