import type { ActivationGridTable } from './activation-statistics.js';

const LEVELS = 255;

/**
 * Gives sites one zero point for all calls, with the scales that still hold each call's range: the zero point
 * whose scales grow least, by the sum of their squared ratios (an error's variance grows with the square of the
 * scale).
 *
 * The fast integer convolution of ONNX Runtime needs a constant zero point; scales may go on changing with the
 * call. After an activation such as SiLU, whose lower end hardly moves, this costs a few percent of the scale.
 * @param sites those to change; others keep their grids
 * @returns a new table
 */
export function shareZeroPoints(table: ActivationGridTable, sites: Iterable<string>): ActivationGridTable {
  const scales = Float32Array.from(table.scales);
  const zeroPoints = Uint8Array.from(table.zeroPoints);
  const width = table.sites.length;
  for (const site of new Set(sites)) {
    const column = table.sites.indexOf(site);
    if (column < 0) continue;
    const ranges = Array.from({ length: table.calls }, (_, call) => rangeAt(table, call * width + column));
    const zeroPoint = bestZeroPoint(ranges);
    for (const [call, range] of ranges.entries()) {
      scales[call * width + column] = Math.fround(scaleFor(range, zeroPoint) * range.scale);
      zeroPoints[call * width + column] = zeroPoint;
    }
  }
  return { ...table, scales, zeroPoints };
}

/** What a grid reaches on both sides of zero, in steps of its own scale. */
interface Reach {
  readonly scale: number;
  readonly below: number;
  readonly above: number;
}

function rangeAt({ scales, zeroPoints }: ActivationGridTable, at: number): Reach {
  const zeroPoint = zeroPoints[at]!;
  return { scale: scales[at]!, below: zeroPoint, above: LEVELS - zeroPoint };
}

/** The scale that a zero point needs for a range, in units of the range's own. */
function scaleFor({ below, above }: Reach, zeroPoint: number): number {
  const down = below === 0 ? 0 : below / zeroPoint;
  const up = above === 0 ? 0 : above / (LEVELS - zeroPoint);
  return Math.max(down, up);
}

function bestZeroPoint(ranges: readonly Reach[]): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let zeroPoint = 0; zeroPoint <= LEVELS; zeroPoint++) {
    const cost = ranges.reduce((sum, range) => sum + scaleFor(range, zeroPoint) ** 2, 0);
    if (cost >= least) continue;
    least = cost;
    best = zeroPoint;
  }
  return best;
}
