import { describe, expect, it } from 'vitest';
import { placeLabels } from './label-placement.js';

const frame = { width: 400, height: 300 };
const label = { width: 60, height: 16, reach: [0, 0] } as const;

describe('placeLabels', () => {
  it('puts a lone label to the right of its point, and to the left at the right edge', () => {
    const [free] = placeLabels([{ x: 100, y: 100, ...label }], frame);
    expect(free).toEqual({ x: 112, y: 92, anchor: 'start' });
    const [edge] = placeLabels([{ x: 395, y: 100, ...label }], frame);
    expect(edge).toEqual({ x: 383, y: 92, anchor: 'end' });
  });

  it('keeps the labels of three neighbours apart from each other and inside the frame', () => {
    const points = [
      { x: 200, y: 100, ...label },
      { x: 215, y: 104, ...label },
      { x: 205, y: 118, ...label },
    ];
    const share = { start: 0, middle: 0.5, end: 1 };
    const placed = placeLabels(points, frame).map(({ x, y, anchor }) => ({
      x: x - share[anchor] * label.width,
      y,
    }));
    for (const [index, a] of placed.entries()) {
      expect(a.x).toBeGreaterThanOrEqual(0);
      expect(a.x + label.width).toBeLessThanOrEqual(frame.width);
      for (const b of placed.slice(index + 1)) {
        const apart = Math.abs(a.x - b.x) >= label.width || Math.abs(a.y - b.y) >= label.height;
        expect(apart).toBe(true);
      }
    }
  });
});
