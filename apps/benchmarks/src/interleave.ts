import type { Spread } from './results.js';

/** Something to be timed: makes one call. */
export type Call = () => Promise<void>;

/**
 * Times calls in turn, round by round, so that a machine whose speed drifts slows all of them alike.
 * @param warmUps rounds that are not counted
 */
export async function interleave<K extends string>(
  contestants: Readonly<Record<K, Call>>,
  { rounds, warmUps, signal }: { rounds: number; warmUps: number; signal: AbortSignal },
  onRound: (done: number, total: number) => void,
): Promise<Record<K, Spread>> {
  const names = Object.keys(contestants) as K[];
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < warmUps + rounds; round++) {
    signal.throwIfAborted();
    onRound(round, warmUps + rounds);
    for (const name of names) {
      const start = performance.now();
      await contestants[name]();
      if (round >= warmUps) times.get(name)!.push(performance.now() - start);
    }
  }
  return Object.fromEntries(names.map((name) => [name, spreadOf(times.get(name)!)])) as Record<K, Spread>;
}

/** Median and quartiles, by linear interpolation between the values around them. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    medianMs: quantile(sorted, 0.5),
    quartilesMs: [quantile(sorted, 0.25), quantile(sorted, 0.75)],
    calls: values.length,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below);
}
