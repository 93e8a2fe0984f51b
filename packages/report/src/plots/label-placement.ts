/** A point in pixels, and the size of the label that goes beside it. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** How far what is drawn at the point reaches up and down. */
  readonly reach: readonly [number, number];
}

/** Where a label begins, ends or has its middle, and its upper edge. */
export interface LabelPosition {
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'middle' | 'end';
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Candidate extends Box {
  readonly anchor: LabelPosition['anchor'];
}

const SHARE = { start: 0, middle: 0.5, end: 1 } as const;
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
  const placed: Candidate[] = [];
  for (const point of points) {
    const obstacles = [...placed, ...marks];
    const cost = (box: Box) =>
      obstacles.reduce((sum, obstacle) => sum + overlap(box, obstacle), 0) + 4 * outside(box, frame);
    placed.push(candidates(point, frame.width).reduce((best, box) => (cost(box) < cost(best) ? box : best)));
  }
  // By the side that faces the point, so that a font that is wider than assumed does not reach into it.
  return placed.map(({ x, y, width, anchor }) => ({ x: x + SHARE[anchor] * width, y, anchor }));
}

function markBox({ x, y, reach: [up, down] }: LabelledPoint): Box {
  const top = Math.max(RADIUS, up);
  return { x: x - RADIUS, y: y - top, width: 2 * RADIUS, height: top + Math.max(RADIUS, down) };
}

function candidates(
  { x, y, width, height, reach: [up, down] }: LabelledPoint,
  frameWidth: number,
): Candidate[] {
  const centred = Math.max(0, Math.min(x - width / 2, frameWidth - width));
  const middle = y - height / 2;
  const right = x + GAP;
  const left = x - GAP - width;
  const above = y - Math.max(up, RADIUS) - height - 1;
  const below = y + Math.max(down, RADIUS) + 1;
  const places = [
    [right, middle, 'start'],
    [left, middle, 'end'],
    [centred, above, 'middle'],
    [centred, below, 'middle'],
    [right, above, 'start'],
    [right, below, 'start'],
    [left, above, 'end'],
    [left, below, 'end'],
  ] as const;
  return places.map(([boxX, boxY, anchor]) => ({ x: boxX, y: boxY, width, height, anchor }));
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

function outside(box: Box, frame: { readonly width: number; readonly height: number }): number {
  return box.width * box.height - overlap(box, { x: 0, y: 0, ...frame });
}
