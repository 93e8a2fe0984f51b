import { TorchGenerator } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { type EvaluatedImage, Evaluation } from './evaluation.js';
import { psnr } from './psnr.js';

const SCORER = {
  distribution: {
    count: 9,
    mean: new Float64Array(3),
    covariance: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
  },
  classes: { kind: [['shoe'], ['bag']] },
};

function image(seed: number): EvaluatedImage {
  const noise = new TorchGenerator(seed).randn(2 * 16 * 16 * 3);
  const picture = (from: number, spread: number) => ({
    width: 16,
    height: 16,
    rgb: Uint8Array.from({ length: 768 }, (_, i) => 128 + 20 * noise[i]! + spread * noise[from + i]!),
  });
  return {
    prompt: seed % 2 === 0 ? 'a shoe' : 'a bag',
    picture: picture(768, 3),
    scores: { features: noise.slice(0, 3), kind: Float32Array.of(1, 0), beauty: Float32Array.of(seed) },
    reference: {
      picture: picture(0, 0),
      scores: { features: noise.slice(3, 6), kind: Float32Array.of(1, 0), beauty: Float32Array.of(seed + 2) },
    },
    errorPerCall: [0, seed],
  };
}

function evaluated(images: number): Evaluation {
  const evaluation = new Evaluation(SCORER);
  for (let seed = 0; seed < images; seed++) evaluation.add(image(seed));
  return evaluation;
}

describe('Evaluation', () => {
  it('averages what is measured on each image, and pairs differences', () => {
    const summary = evaluated(8).summary();
    const expected = Array.from({ length: 8 }, (_, seed) => {
      const { picture, reference } = image(seed);
      return psnr(reference!.picture, picture) / 8;
    }).reduce((sum, value) => sum + value, 0);
    expect(summary.images).toBe(8);
    expect(summary.measures.psnr!.mean).toBeCloseTo(expected, 9);
    expect(summary.measures.kindAccuracy).toMatchObject({ mean: 0.5, count: 8 });
    expect(summary.differences.beauty!.mean).toBeCloseTo(-2, 9);
    expect(summary.differences.beauty!.interval[0]).toBeCloseTo(-2, 9);
    expect(summary.errorPerCall).toEqual([0, 3.5]);
    expect(summary.frechet.toReal).toBeGreaterThan(0);
    expect(summary.frechet.toReference).toBeGreaterThan(0);
  });

  it('goes on from a snapshot as if it had not been interrupted', () => {
    const resumed = Evaluation.restore(JSON.parse(JSON.stringify(evaluated(5).snapshot())), SCORER);
    for (let seed = 5; seed < 9; seed++) resumed.add(image(seed));
    expect(resumed.summary()).toEqual(evaluated(9).summary());
  });

  it('keeps as many numbers after 200 images as after 4', () => {
    const numbers = (evaluation: Evaluation) => JSON.stringify(evaluation.snapshot()).split(',').length;
    expect(numbers(evaluated(200))).toBe(numbers(evaluated(4)));
  });

  it('measures pictures alone when there is nothing to compare them with', () => {
    const evaluation = new Evaluation();
    const { prompt, picture } = image(1);
    evaluation.add({ prompt, picture });
    expect(evaluation.summary()).toMatchObject({ images: 1, measures: {}, differences: {}, frechet: {} });
  });
});
