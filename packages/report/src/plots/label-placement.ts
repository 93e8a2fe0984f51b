/** A point in pixels, and the size of the label that goes beside it. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Top left corner of a label. */
export interface LabelPosition {
  readonly x: number;
  readonly y: number;
}

interface Box extends LabelPosition {
  readonly width: number;
  readonly height: number;
}

const GAP = 9;

/**
 * Puts labels beside their points: right, left, above or below, whichever overlaps other points, earlier
 * labels and the frame's edge the least. Points are taken in order, so the most important goes first.
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  frame: { readonly width: number; readonly height: number },
): LabelPosition[] {
  const dots = points.map(({ x, y }) => ({ x: x - 7, y: y - 7, width: 14, height: 14 }));
  const placed: Box[] = [];
  for (const [index, point] of points.entries()) {
    const obstacles = [...placed, ...dots.filter((_, other) => other !== index)];
    const cost = (box: Box) =>
      obstacles.reduce((sum, obstacle) => sum + overlap(box, obstacle), 0) + 4 * outside(box, frame);
    placed.push(candidates(point).reduce((best, box) => (cost(box) < cost(best) ? box : best)));
  }
  return placed.map(({ x, y }) => ({ x, y }));
}

function candidates({ x, y, width, height }: LabelledPoint): Box[] {
  const middle = y - height / 2;
  const right = x + GAP;
  const left = x - GAP - width;
  const above = y - GAP - height;
  const below = y + GAP;
  return [
    [right, middle],
    [left, middle],
    [x - width / 2, above],
    [x - width / 2, below],
    [right - 4, above + 4],
    [right - 4, below - 4],
    [left + 4, above + 4],
    [left + 4, below - 4],
  ].map(([boxX, boxY]) => ({ x: boxX!, y: boxY!, width, height }));
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

function outside(box: Box, frame: { readonly width: number; readonly height: number }): number {
  return box.width * box.height - overlap(box, { x: 0, y: 0, ...frame });
}
