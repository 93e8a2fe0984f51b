/** What a denoiser's tables and refreshes were made for. */
export interface CalibratedRun {
  /** One for each network call; none is later than the one before it. */
  readonly timesteps: readonly number[];
  /** The calls that refresh, ascending from 0. */
  readonly refreshCalls: readonly number[];
  /** Those of them that compute the conditional half of guidance alone; left out: none. */
  readonly conditionalRefreshes?: readonly number[] | undefined;
}

/** How the calls of another run are served by the calibrated ones. */
export interface ServedCalls {
  /** For each call the calibrated call that stands for it; never falls. */
  readonly calibrated: readonly number[];
  /** The calls that refresh, ascending from 0. */
  readonly refreshCalls: readonly number[];
  /** Those of them that compute the conditional half of guidance alone. */
  readonly conditionalRefreshes: readonly number[];
}

/**
 * Serves each call by the calibrated one whose timestep is nearest, never going back. The first call refreshes, and
 * every call that reaches or passes a calibrated refresh; where each calibrated call refreshes, each call does. It
 * computes one half alone where all that it passes do.
 *
 * As many calls as were calibrated are served one by one.
 * @param timesteps of the calls to serve
 */
export function servedCalls(timesteps: readonly number[], run: CalibratedRun): ServedCalls {
  const calls = run.timesteps.length;
  if (timesteps.length === calls) {
    const { refreshCalls, conditionalRefreshes = [] } = run;
    const calibrated = [...run.timesteps.keys()];
    return { calibrated, refreshCalls: [...refreshCalls], conditionalRefreshes: [...conditionalRefreshes] };
  }
  const calibrated: number[] = [];
  for (const timestep of timesteps) {
    calibrated.push(nearestCall(timestep, run.timesteps, calibrated.at(-1) ?? -1));
  }
  const isUncached = run.refreshCalls.length === calls;
  const passed = (call: number) =>
    run.refreshCalls.filter((step) => step > (calibrated[call - 1] ?? -1) && step <= calibrated[call]!);
  const refreshCalls = [...timesteps.keys()].filter(
    (call) => call === 0 || isUncached || passed(call).length > 0,
  );
  const alone = new Set(run.conditionalRefreshes);
  const conditionalRefreshes = refreshCalls.filter(
    (call) => passed(call).length > 0 && passed(call).every((step) => alone.has(step)),
  );
  return { calibrated, refreshCalls, conditionalRefreshes };
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
