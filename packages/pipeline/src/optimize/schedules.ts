import { FeatureMoments, forecastResidualTable } from '@cachequant/correction';
import {
  planForecastSteps,
  planRefreshSteps,
  quadraticSchedule,
  tabulatedResiduals,
  uniformSchedule,
} from '@cachequant/scheduler';
import type { ScheduleKind } from './recipe.js';

export interface ScheduleRequest {
  readonly calls: number;
  readonly interval: number;
  readonly refreshes: number;
  /** Of the float model's cached tensor, for the paper's L1 cost. */
  readonly features: FeatureMoments;
  /** Of what a cached call is really given, for the residual of the forecast. */
  readonly anchors: FeatureMoments;
  readonly shrinkage: number;
}

/** Refresh steps of one kind of schedule; the first is 0. */
export function makeSchedule(kind: ScheduleKind, request: ScheduleRequest): number[] {
  const { calls, interval, refreshes } = request;
  switch (kind) {
    case 'uniform':
      return uniformSchedule(calls, refreshes);
    case 'quadratic':
      return quadraticSchedule(calls, refreshes);
    case 'dp':
      return planRefreshSteps(request.features.distanceTable(), { interval, refreshes }).refreshSteps;
    case 'forecast-dp':
      return forecastSchedule(request);
  }
}

function forecastSchedule({ calls, interval, refreshes, anchors, shrinkage }: ScheduleRequest): number[] {
  const longest = Math.min(calls, 2 * interval);
  const table = forecastResidualTable(anchors, { window: longest, prior: 'extrapolation', shrinkage });
  const { refreshSteps } = planForecastSteps(tabulatedResiduals(table), {
    refreshes,
    minLength: 1,
    maxLength: longest,
  });
  return refreshSteps;
}

/** One set of moments out of two halves. */
export function mergedMoments(halves: readonly [FeatureMoments, FeatureMoments]): FeatureMoments {
  const merged = FeatureMoments.restore(halves[0].snapshot());
  merged.merge(halves[1]);
  return merged;
}
