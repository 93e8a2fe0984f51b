/** What a denoiser's tables and refreshes were made for. */
export interface CalibratedRun {
  /** One for each network call; none is later than the one before it. */
  readonly timesteps: readonly number[];
  /** The calls that refresh, ascending from 0. */
  readonly refreshCalls: readonly number[];
}

/** How the calls of another run are served by the calibrated ones. */
export interface ServedCalls {
  /** For each call the calibrated call that stands for it; never falls. */
  readonly calibrated: readonly number[];
  /** The calls that refresh, ascending from 0. */
  readonly refreshCalls: readonly number[];
}

/**
 * Serves each call by the calibrated one whose timestep is nearest, never going back. The first call refreshes, and
 * every call that reaches or passes a calibrated refresh; where each calibrated call refreshes, each call does.
 *
 * As many calls as were calibrated are served one by one.
 * @param timesteps of the calls to serve
 */
export function servedCalls(timesteps: readonly number[], run: CalibratedRun): ServedCalls {
  const calls = run.timesteps.length;
  if (timesteps.length === calls) {
    return { calibrated: [...run.timesteps.keys()], refreshCalls: [...run.refreshCalls] };
  }
  const calibrated: number[] = [];
  for (const timestep of timesteps) {
    calibrated.push(nearestCall(timestep, run.timesteps, calibrated.at(-1) ?? -1));
  }
  const isUncached = run.refreshCalls.length === calls;
  const refreshCalls = [...timesteps.keys()].filter((call) => {
    if (call === 0 || isUncached) return true;
    const [before, now] = [calibrated[call - 1]!, calibrated[call]!];
    return run.refreshCalls.some((step) => step > before && step <= now);
  });
  return { calibrated, refreshCalls };
}

/** Of calls that are equally near the first one behind `from`, so that a repeated timestep goes on in step. */
function nearestCall(timestep: number, timesteps: readonly number[], from: number): number {
  const distance = (call: number) =>
    call < 0 ? Number.POSITIVE_INFINITY : Math.abs(timesteps[call]! - timestep);
  let nearest = from;
  for (let call = from + 1; call < timesteps.length; call++) {
    const isEqual = nearest === from && distance(call) === distance(nearest);
    if (isEqual || distance(call) < distance(nearest)) nearest = call;
  }
  return nearest;
}
