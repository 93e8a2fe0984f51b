export {
  type DistanceTable,
  featureDistances,
  featureDistancesInPieces,
  weightDistances,
} from './distance-table.js';
export {
  type ForecastResiduals,
  type ForecastResidualTable,
  forecastScheduleCost,
  tabulatedResiduals,
} from './forecast-residuals.js';
export { type GroupCosts, groupCosts, scheduleCost } from './group-costs.js';
export { paretoFront } from './pareto-front.js';
export type { LengthBounds, PlanOptions } from './plan-bounds.js';
export { planForecastSteps, planForecastStepsInPieces } from './plan-forecast-steps.js';
export { planRefreshSteps, planRefreshStepsInPieces, type RefreshPlan } from './plan-refresh-steps.js';
export {
  type LatencyBudget,
  type LatencyPlan,
  planWithinLatency,
  refreshesWithinLatency,
} from './plan-within-latency.js';
export { quadraticSchedule, refreshesFor, uniformSchedule } from './schedule.js';
