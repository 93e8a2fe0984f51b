import { finish } from '@cachequant/tensor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normal } from '../__fixtures__/models.js';
import { correlatedRows, momentsOf, outputErrorOf } from '../__fixtures__/moments.js';
import { quantizeWeight, weightRange } from '../weight-quantization.js';
import { quantizeWithGptq } from './gptq-weight.js';
import { blockFactors, roundWithFeedback } from './round-with-feedback.js';
import { inputBlocks } from './second-moments.js';

const CHANNELS = 7;

function problem(width: number, seed: number, blockSize = width) {
  const rows = correlatedRows(3 * width, width, seed);
  const half = width * Math.floor((rows.length / width) * 0.5);
  const blocks = inputBlocks(width, blockSize);
  const halves = [
    momentsOf(rows.subarray(0, half), width, blocks),
    momentsOf(rows.subarray(half), width, blocks),
  ];
  return {
    rows,
    values: normal([CHANNELS, width], seed + 10, { deviation: 0.05 }).data,
    halves: halves as [(typeof halves)[0], (typeof halves)[0]],
  };
}

describe('quantizeWithGptq', () => {
  test('leaves no more error on the rows it was fitted on than rounding to the nearest level, whatever they are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 24 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.constantFrom(4 as const, 7 as const, 8 as const),
        (width, seed, bits) => {
          const { rows, values, halves } = problem(width, seed);
          const plain = quantizeWeight(values, CHANNELS, bits);
          const rounded = finish(quantizeWithGptq(values, CHANNELS, bits, halves));
          const before = outputErrorOf(rows, values, plain.integers, plain.scales);
          const after = outputErrorOf(rows, values, rounded.integers, rounded.scales);
          expect(after).toBeLessThanOrEqual(before * (1 + 1e-4) + 1e-9);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  test('tells both errors relative to the power of the outputs', () => {
    const { rows, values, halves } = problem(32, 5);
    const zero = { integers: new Int8Array(values.length), scales: new Float32Array(CHANNELS).fill(1) };
    const power = outputErrorOf(rows, values, zero.integers, zero.scales);
    const plain = quantizeWeight(values, CHANNELS, 4);
    const rounded = finish(quantizeWithGptq(values, CHANNELS, 4, halves));
    const relative = ({ integers, scales }: typeof plain) =>
      outputErrorOf(rows, values, integers, scales) / power;
    expect(rounded.plainError).toBeCloseTo(relative(plain), 5);
    expect(rounded.error).toBeCloseTo(relative(rounded), 5);
    expect(rounded.error).toBeLessThan(0.5 * rounded.plainError);
  });

  test('gains on rows it has not seen', () => {
    const rows = correlatedRows(600, 48, 3);
    const seen = rows.subarray(0, 400 * 48);
    const values = normal([CHANNELS, 48], 4).data;
    const moments = [
      momentsOf(seen.subarray(0, 200 * 48), 48),
      momentsOf(seen.subarray(200 * 48), 48),
    ] as const;
    const plain = quantizeWeight(values, CHANNELS, 4);
    const rounded = finish(quantizeWithGptq(values, CHANNELS, 4, moments));
    const unseen = rows.subarray(400 * 48);
    expect(outputErrorOf(unseen, values, rounded.integers, rounded.scales)).toBeLessThan(
      0.5 * outputErrorOf(unseen, values, plain.integers, plain.scales),
    );
  });

  test('stays within the range of its bits, with finite scales above zero', () => {
    for (const bits of [4, 7, 8] as const) {
      const { values, halves } = problem(40, 9, 16);
      const { integers, scales } = finish(quantizeWithGptq(values, CHANNELS, bits, halves));
      const { min, max } = weightRange(bits);
      expect(integers.every((q) => q >= min && q <= max)).toBe(true);
      expect(scales.every((scale) => scale > 0 && Number.isFinite(scale))).toBe(true);
    }
  });

  test.each([
    ['a channel of zeros', (values: Float32Array) => values.fill(0, 0, 16)],
    ['weights that are all zero', (values: Float32Array) => values.fill(0)],
  ])('keeps %s', (_, clear) => {
    const { values, halves } = problem(16, 2);
    clear(values);
    const { integers, scales, error } = finish(quantizeWithGptq(values, CHANNELS, 4, halves));
    expect(integers.subarray(0, 16).every((q) => q === 0)).toBe(true);
    expect(scales[0]).toBe(1);
    expect(error).toBeGreaterThanOrEqual(0);
  });

  test('rounds plainly on inputs that were always zero', () => {
    const { values } = problem(16, 2);
    const none = momentsOf(new Float32Array(32), 16);
    const plain = quantizeWeight(values, CHANNELS, 4);
    const { integers, scales, error } = finish(quantizeWithGptq(values, CHANNELS, 4, [none, none]));
    expect({ integers, scales, error }).toEqual({ ...plain, error: 0 });
  });

  test('is finite on fewer rows than inputs', () => {
    const rows = correlatedRows(2, 64, 1);
    const moments = momentsOf(rows, 64);
    const values = normal([CHANNELS, 64], 4).data;
    const { scales, error, plainError } = finish(quantizeWithGptq(values, CHANNELS, 4, [moments, moments]));
    expect(scales.every(Number.isFinite)).toBe(true);
    expect(error).toBeLessThanOrEqual(plainError);
  });

  test('refuses moments that are not finite, and those of another layer', () => {
    const { values, halves } = problem(16, 2);
    const broken = momentsOf(new Float32Array(16).fill(Number.NaN), 16);
    expect(() => finish(quantizeWithGptq(values, CHANNELS, 4, [halves[0], broken]))).toThrowError(
      expect.objectContaining({ code: 'calibration' }),
    );
    const other = problem(15, 2).halves;
    expect(() => finish(quantizeWithGptq(values, CHANNELS, 4, other))).toThrowError(
      expect.objectContaining({ code: 'shape', expected: '16 inputs', got: '15' }),
    );
  });
});

describe('roundWithFeedback', () => {
  test.each([4, 7, 8] as const)('of independent inputs is plain rounding, %i bits', (bits) => {
    const values = normal([CHANNELS, 20], 1).data;
    const diagonal = new Float32Array(400);
    for (let k = 0; k < 20; k++) diagonal[k * 21] = 1 + ((k * 7) % 5);
    const { integers, scales } = quantizeWeight(values, CHANNELS, bits);
    const moments = { blocks: [{ start: 0, size: 20 }], sums: [diagonal] };
    const rounded = finish(
      roundWithFeedback(
        { values, scales },
        weightRange(bits),
        moments.blocks,
        finish(blockFactors(moments, 0.01)),
      ),
    );
    expect(rounded).toEqual(integers);
  });

  test('lets the second of two equal inputs make up for the first', () => {
    const moments = momentsOf(Float32Array.of(1, 1, 2, 2), 2);
    const rounded = finish(
      roundWithFeedback(
        { values: Float32Array.of(0.4, 0.4), scales: Float32Array.of(1) },
        weightRange(8),
        moments.blocks,
        finish(blockFactors(moments, 1e-6)),
      ),
    );
    // 0.4 + 0.4 is nearer to 1 than to 0.
    expect([...rounded]).toEqual([0, 1]);
  });

  test('of blocks rounds each as if it were alone', () => {
    const { values, halves } = problem(30, 3, 10);
    const [moments] = halves;
    const scales = new Float32Array(CHANNELS).fill(0.02);
    const whole = finish(
      roundWithFeedback(
        { values, scales },
        weightRange(4),
        moments.blocks,
        finish(blockFactors(moments, 0.1)),
      ),
    );
    for (const [b, { start, size }] of moments.blocks.entries()) {
      const part = Float32Array.from({ length: CHANNELS * size }, (_, at) => {
        return values[Math.floor(at / size) * 30 + start + (at % size)]!;
      });
      const alone = { blocks: [{ start: 0, size }], sums: [moments.sums[b]!] };
      const rounded = finish(
        roundWithFeedback(
          { values: part, scales },
          weightRange(4),
          alone.blocks,
          finish(blockFactors(alone, 0.1)),
        ),
      );
      for (let o = 0; o < CHANNELS; o++) {
        expect(rounded.subarray(o * size, (o + 1) * size)).toEqual(
          whole.subarray(o * 30 + start, o * 30 + start + size),
        );
      }
    }
  });
});

describe('inputBlocks', () => {
  test.each([
    [9, 9, 1, [[0, 9]]],
    [
      10,
      4,
      1,
      [
        [0, 3],
        [3, 4],
        [7, 3],
      ],
    ],
    [
      36,
      20,
      9,
      [
        [0, 18],
        [18, 18],
      ],
    ],
    [
      27,
      5,
      9,
      [
        [0, 9],
        [9, 9],
        [18, 9],
      ],
    ],
  ])('of %i inputs with at most %i, %i together', (width, largest, unit, expected) => {
    expect(inputBlocks(width, largest, unit).map(({ start, size }) => [start, size])).toEqual(expected);
  });
});
