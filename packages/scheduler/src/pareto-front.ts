import { CacheQuantError, finish } from '@cachequant/tensor';
import type { DistanceTable } from './distance-table.js';
import { groupCosts } from './group-costs.js';
import { type LengthBounds, resolveLengths } from './plan-bounds.js';
import type { RefreshPlan } from './plan-refreshes.js';
import { refreshTable, tableCost, tableSchedule } from './refresh-table.js';

/**
 * The cheapest schedule for every feasible number of refreshes, in ascending order, from one table.
 *
 * With minLength 1 the cost never rises with the number of refreshes; with longer groups it can, and such
 * points are kept. Complexity: as `planRefreshes` for the largest feasible number of refreshes.
 * @throws CacheQuantError `infeasible-schedule` when no number of refreshes fits the bounds
 */
export function paretoFront(distances: DistanceTable, options: LengthBounds = {}): RefreshPlan[] {
  const costs = groupCosts(distances);
  const { calls } = costs;
  const lengths = resolveLengths(calls, costs.window, options);
  const fewest = Math.ceil(calls / lengths.maxLength);
  const most = Math.floor(calls / lengths.minLength);
  if (fewest > most) {
    throw new CacheQuantError('infeasible-schedule', 'no number of refreshes fits the length bounds', {
      where: `minLength ${lengths.minLength}, maxLength ${lengths.maxLength}`,
      expected: `bounds that divide ${calls} calls`,
      hint: 'Lower minLength or raise maxLength',
    });
  }
  const table = finish(refreshTable(costs, { refreshes: most, ...lengths }));
  const plans: RefreshPlan[] = [];
  for (let refreshes = fewest; refreshes <= most; refreshes++) {
    const refreshCalls = tableSchedule(table, refreshes);
    plans.push({ refreshCalls, cost: tableCost(table, refreshes), refreshes, ...lengths });
  }
  return plans;
}
