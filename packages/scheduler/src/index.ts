export {
  CALL_ACTIONS,
  type CallAction,
  type CallCosts,
  type CallPlan,
  callPlanCost,
  callPlanOf,
  callPlanText,
  plannedCalls,
  plannedRefreshes,
} from './call-plan.js';
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
export { planForecastRefreshes, planForecastRefreshesInPieces } from './plan-forecast-refreshes.js';
export { planRefreshes, planRefreshesInPieces, type RefreshPlan } from './plan-refreshes.js';
export { planSteps, planStepsInPieces, type StepErrors, type StepPlan, stepPlanError } from './plan-steps.js';
export {
  type LatencyBudget,
  type LatencyPlan,
  planWithinLatency,
  refreshesWithinLatency,
} from './plan-within-latency.js';
export { quadraticSchedule, refreshesFor, uniformSchedule } from './schedule.js';
export {
  type CallSearchOptions,
  type CallSearchResult,
  type ScoreRequest,
  searchCalls,
} from './search-calls.js';
export { type StartingPlansRequest, startingPlans } from './starting-plans.js';
