/** A point in pixels, and the size of the label that goes beside it. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** How far what is drawn at the point reaches up and down. */
  readonly reach: readonly [number, number];
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

const GAP = 12;
const RADIUS = 8;

/**
 * Puts labels beside their points: right, left, above or below, whichever overlaps other points, earlier
 * labels and the frame's edge the least. Points are taken in order, so the most important goes first.
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  frame: { readonly width: number; readonly height: number },
): LabelPosition[] {
  const marks = points.map(markBox);
  const placed: Box[] = [];
  for (const point of points) {
    const obstacles = [...placed, ...marks];
    const cost = (box: Box) =>
      obstacles.reduce((sum, obstacle) => sum + overlap(box, obstacle), 0) + 4 * outside(box, frame);
    placed.push(candidates(point, frame.width).reduce((best, box) => (cost(box) < cost(best) ? box : best)));
  }
  return placed.map(({ x, y }) => ({ x, y }));
}

function markBox({ x, y, reach: [up, down] }: LabelledPoint): Box {
  const top = Math.max(RADIUS, up);
  return { x: x - RADIUS, y: y - top, width: 2 * RADIUS, height: top + Math.max(RADIUS, down) };
}

function candidates({ x, y, width, height, reach: [up, down] }: LabelledPoint, frameWidth: number): Box[] {
  const centred = Math.max(0, Math.min(x - width / 2, frameWidth - width));
  const middle = y - height / 2;
  const right = x + GAP;
  const left = x - GAP - width;
  const above = y - Math.max(up, RADIUS) - height - 1;
  const below = y + Math.max(down, RADIUS) + 1;
  return [
    [right, middle],
    [left, middle],
    [centred, above],
    [centred, below],
    [right, above],
    [right, below],
    [left, above],
    [left, below],
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
