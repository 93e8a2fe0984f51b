/** The layers to try, and how to find out what a choice of them gives. */
export interface QualityQuestion {
  /** Decibels that the network is to reach. */
  readonly floor: number;
  /** Decibels with none of them in float. */
  readonly base: number;
  /** Decibels with only this one in float. */
  readonly confirmed: readonly { readonly id: string; readonly networkDb: number }[];
  /** Decibels with these in float. */
  readonly measure: (ids: readonly string[]) => Promise<number>;
}

/** A gain below this is the noise of other roundings, which change with every layer. */
const LEAST_GAIN_DB = 0.1;

/**
 * Takes layers into float, the one with the largest gain first, until the network reaches its floor. One that adds
 * nothing to those before it is left in integers.
 */
export async function keepForQuality({ floor, base, confirmed, measure }: QualityQuestion) {
  const kept: string[] = [];
  let networkDb = base;
  const byGain = [...confirmed].sort((a, b) => b.networkDb - a.networkDb);
  for (const { id, networkDb: alone } of byGain) {
    if (networkDb >= floor || alone - base < LEAST_GAIN_DB) break;
    const reached = kept.length === 0 ? alone : await measure([...kept, id]);
    if (reached - networkDb < LEAST_GAIN_DB) continue;
    kept.push(id);
    networkDb = reached;
  }
  return { kept, networkDb };
}
