import { tensor } from '@cachequant/tensor';
import { describe, expect, it } from 'vitest';
import { outlierInputs } from './outlier-inputs.js';

/** Three tokens of two channels. */
const text = (...values: number[]) => tensor('float32', [1, 3, 2], Float32Array.from(values));

const found = (images: Parameters<typeof outlierInputs>[0]) => [...outlierInputs(images)];

describe('outlierInputs(images)', () => {
  const usual = text(1, -2, 3, 1, 0, 2);
  const outlier = text(1, -12, 3, 1, 0, 2);

  it('are those whose first token is at least four times as large as all others', () => {
    expect(found([{ conditioning: { usual, outlier }, unconditional: undefined }])).toEqual([['outlier', 3]]);
    expect(found([{ conditioning: { text: text(11.9, 0, 3, 0, 0, 0) }, unconditional: undefined }])).toEqual(
      [],
    );
  });

  it('looks at all images and both halves', () => {
    const images = [
      { conditioning: { text: outlier }, unconditional: undefined },
      { conditioning: { text: usual }, unconditional: { text: text(0, 0, 0, 0, 0, -5) } },
    ];
    expect(found(images)).toEqual([]);
    expect(found(images.slice(0, 1))).toEqual([['text', 3]]);
  });

  it('leaves alone what is no text, and texts of zeros', () => {
    const vector = tensor('float32', [1, 2], Float32Array.of(100, 1));
    const zeros = text(0, 0, 0, 0, 0, 0);
    expect(found([{ conditioning: { vector, zeros }, unconditional: undefined }])).toEqual([]);
  });
});
