/** The layers to look through, and how to find out what a choice of them gives. */
export interface DominanceQuestion {
  readonly ids: readonly string[];
  /** Decibels with none of them in float. */
  readonly base: number;
  /** Decibels with these in float. */
  readonly measure: (ids: readonly string[]) => Promise<number>;
  /** Asked before each measurement; the search ends where it says no. */
  readonly goOn?: (measured: number) => boolean;
}

/** What a layer has to cost the network by itself to be looked for: a fifth of all noise. */
export const FATAL_DB = 1;

interface Group {
  readonly ids: readonly string[];
  readonly networkDb: number;
}

/**
 * Finds layers that alone cost the network a decibel or more, whatever their error by itself: groups of layers are taken
 * into float and halved, the one with the largest gain first, as long as it gains as much. In float a group gains at
 * least what any layer of it does, so that no such layer is missed; 2·log₂(n) measurements find one of n.
 * @returns the largest gain first, with the decibels of the network in which only this layer is in float
 */
export async function dominantLayers({
  ids,
  base,
  measure,
  goOn = () => true,
}: DominanceQuestion): Promise<{ readonly id: string; readonly networkDb: number }[]> {
  const found: { id: string; networkDb: number }[] = [];
  const open: Group[] = [{ ids, networkDb: Number.POSITIVE_INFINITY }];
  let measured = 0;
  while (open.length > 0) {
    const worst = open.reduce((most, group) => (group.networkDb > most.networkDb ? group : most));
    open.splice(open.indexOf(worst), 1);
    if (worst.networkDb - base < FATAL_DB) break;
    const [only] = worst.ids;
    if (worst.ids.length === 1 && Number.isFinite(worst.networkDb)) {
      found.push({ id: only!, networkDb: worst.networkDb });
      continue;
    }
    const middle = Math.ceil(worst.ids.length / 2);
    for (const half of [worst.ids.slice(0, middle), worst.ids.slice(middle)]) {
      if (half.length === 0) continue;
      if (!goOn(measured)) return found;
      open.push({ ids: half, networkDb: await measure(half) });
      measured++;
    }
  }
  return found;
}
