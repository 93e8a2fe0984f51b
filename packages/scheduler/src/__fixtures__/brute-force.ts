/** Every strictly ascending schedule from 0 with that many refreshes and group lengths within the bounds. */
export function* allSchedules(
  calls: number,
  refreshes: number,
  minLength = 1,
  maxLength = calls,
  start = 0,
): Generator<number[]> {
  if (refreshes === 1) {
    const length = calls - start;
    if (length >= minLength && length <= maxLength) yield [start];
    return;
  }
  for (let next = start + minLength; next <= Math.min(start + maxLength, calls - 1); next++) {
    for (const rest of allSchedules(calls, refreshes - 1, minLength, maxLength, next)) yield [start, ...rest];
  }
}

/** Least cost over all schedules; ∞ when there is none. */
export function bruteForceCost(schedules: Iterable<number[]>, cost: (schedule: number[]) => number): number {
  let least = Infinity;
  for (const schedule of schedules) least = Math.min(least, cost(schedule));
  return least;
}

/** Uniform numbers in [0, 1) that are the same on every run (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
