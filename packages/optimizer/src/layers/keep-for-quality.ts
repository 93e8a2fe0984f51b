import { FATAL_DB } from './dominant-layers.js';

/** The layers to try, and how to find out what a choice of them gives. */
export interface QualityQuestion {
  /** Decibels that the network is to reach. */
  readonly floor: number;
  /** Decibels with none of them in float. */
  readonly base: number;
  /** Decibels with only this one in float. */
  readonly confirmed: readonly { readonly id: string; readonly networkDb: number }[];
  /** Whether a layer is so small a part of the network that float costs next to nothing. */
  readonly isSmall: (id: string) => boolean;
  /** Decibels with these in float. */
  readonly measure: (ids: readonly string[]) => Promise<number>;
}

/** A gain below this is the noise of other roundings, which change with every layer. */
const LEAST_GAIN_DB = 0.1;

/**
 * Takes layers into float, the one with the largest gain first, until the network reaches its floor. One that adds
 * nothing to those before it is left in integers. Beyond the floor go small layers that alone cost a decibel.
 */
export async function keepForQuality({ floor, base, confirmed, isSmall, measure }: QualityQuestion) {
  const kept: string[] = [];
  let networkDb = base;
  const byGain = [...confirmed].sort((a, b) => b.networkDb - a.networkDb);
  for (const { id, networkDb: alone } of byGain) {
    const enough = networkDb >= floor;
    const least = enough ? FATAL_DB : LEAST_GAIN_DB;
    if (alone - base < least) break;
    if (enough && !isSmall(id)) continue;
    const reached = kept.length === 0 ? alone : await measure([...kept, id]);
    if (reached - networkDb < least) continue;
    kept.push(id);
    networkDb = reached;
  }
  return { kept, networkDb };
}
