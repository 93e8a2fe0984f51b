import type { LayerTimes } from './decision.js';

/** A layer goes back to float when integers take this much longer: less is the noise of measuring. */
const MARGIN = 1.1;
/** The runtime's profile counts whole microseconds, and a layer is several nodes. */
const LEAST_MS = 0.005;

/** Ids of the layers that are slower in integers, by more than the noise of the measurement. */
export function slowerLayers(times: Readonly<Record<string, LayerTimes>>): string[] {
  return Object.entries(times)
    .filter(([, { floatMs, integerMs }]) => integerMs > floatMs * MARGIN && integerMs - floatMs > LEAST_MS)
    .map(([id]) => id);
}
