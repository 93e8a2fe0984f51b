import type { CalibrationContext } from '../calibration-context.js';
import { type FloatTrajectory, type ReplayedCall, recordedCall } from '../observe/trajectory.js';

/** Enough to see the first, the middle and the last calls, of two images. */
export const SAMPLED_CALLS = 6;

/**
 * Recorded calls from the first to the last, of the first two images in turn: those that layers are measured at.
 * @param count at most; a single one is in the middle
 */
export async function sampledCalls(
  context: CalibrationContext,
  trajectory: FloatTrajectory,
  count = SAMPLED_CALLS,
): Promise<ReplayedCall[]> {
  const last = context.sampler.calls - 1;
  const images = Math.min(2, trajectory.images.length);
  const places =
    count === 1 ? [last >> 1] : Array.from({ length: count }, (_, i) => Math.round((i * last) / (count - 1)));
  const found: ReplayedCall[] = [];
  for (const [i, call] of [...new Set(places)].entries()) {
    found.push(await recordedCall(context, trajectory, i % images, call));
  }
  return found;
}
