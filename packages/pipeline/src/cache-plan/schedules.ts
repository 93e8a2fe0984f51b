import { FeatureMoments, forecastResidualTableInPieces } from '@cachequant/correction';
import {
  type DistanceTable,
  planForecastRefreshesInPieces,
  planRefreshesInPieces,
  quadraticSchedule,
  tabulatedResiduals,
  uniformSchedule,
} from '@cachequant/scheduler';
import type { InPieces, TwoFold } from '@cachequant/tensor';
import type { ScheduleKind } from './kinds.js';

export interface ScheduleRequest {
  readonly calls: number;
  readonly interval: number;
  readonly refreshes: number;
  /** Summed L1 distances of the float model's cached tensor, for the paper's cost. */
  readonly distances: DistanceTable;
  /** Of what a cached call is really given, for the residual of the forecast. */
  readonly anchors: FeatureMoments;
  readonly shrinkage: number;
}

/** Refresh calls of one kind of schedule; the first is 0. */
export function* makeSchedule(kind: ScheduleKind, request: ScheduleRequest): InPieces<number[]> {
  const { calls, refreshes } = request;
  switch (kind) {
    case 'uniform':
      return uniformSchedule(calls, refreshes);
    case 'quadratic':
      return quadraticSchedule(calls, refreshes);
    case 'dp':
      return yield* distanceSchedule(request);
    case 'forecast-dp':
      return yield* forecastSchedule(request);
  }
}

function* distanceSchedule(request: ScheduleRequest): InPieces<number[]> {
  const { calls, interval, refreshes, distances, anchors } = request;
  // A forecast reaches back over two groups, and the moments over one window.
  const reach = anchors.window < calls ? Math.floor(anchors.window / 2) : calls;
  const maxLength = Math.min(2 * interval, reach);
  const minLength = Math.min(Math.ceil(interval / 2), maxLength);
  const options = { interval, refreshes, minLength, maxLength };
  return (yield* planRefreshesInPieces(distances, options)).refreshCalls;
}

function* forecastSchedule(request: ScheduleRequest): InPieces<number[]> {
  const { calls, interval, refreshes, anchors, shrinkage } = request;
  const longest = Math.min(calls, 2 * interval, anchors.window);
  const fit = { window: longest, prior: 'extrapolation', shrinkage } as const;
  const table = yield* forecastResidualTableInPieces(anchors, fit);
  const { refreshCalls } = yield* planForecastRefreshesInPieces(tabulatedResiduals(table), {
    refreshes,
    minLength: 1,
    maxLength: longest,
  });
  return refreshCalls;
}

/** One set of moments out of two halves. */
export function mergedMoments(halves: TwoFold<FeatureMoments>): FeatureMoments {
  const merged = FeatureMoments.restore(halves[0].snapshot());
  merged.merge(halves[1]);
  return merged;
}
