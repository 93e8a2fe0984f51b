import type { BundleManifest } from '@cachequant/pipeline';
import { tableLines } from './print-table.js';

export interface ScheduleCost {
  /** Ascending call indices, the first is 0. */
  readonly refreshCalls: readonly number[];
  /** In the units of the features. */
  readonly cost: number;
}

/** A planned schedule beside the uniform one with as many refreshes. */
export interface ScheduleComparison extends ScheduleCost {
  readonly calls: number;
  readonly uniform: ScheduleCost;
}

export function scheduleLines({ calls, uniform, ...planned }: ScheduleComparison): string[] {
  const rows = [
    ['', 'cost', 'refreshes'],
    ['planned', formatCost(planned.cost), planned.refreshCalls.join(' ')],
    ['uniform', formatCost(uniform.cost), uniform.refreshCalls.join(' ')],
  ];
  return [
    `${planned.refreshCalls.length} refreshes in ${calls} calls${gain(planned.cost, uniform.cost)}`,
    '',
    ...tableLines(rows, { right: [1] }),
    '',
    ...tableLines([
      ['planned', timeline(calls, planned.refreshCalls)],
      ['uniform', timeline(calls, uniform.refreshCalls)],
      ['', '█ computed in full   · from the cache'],
    ]),
  ];
}

/** One character a call. */
export function timeline(calls: number, refreshCalls: readonly number[]): string {
  const refreshes = new Set(refreshCalls);
  return Array.from({ length: calls }, (_, call) => (refreshes.has(call) ? '█' : '·')).join('');
}

function gain(cost: number, uniform: number): string {
  if (uniform === 0) return '';
  const change = (1 - cost / uniform) * 100;
  const size = `${Math.abs(change).toFixed(0)} %`;
  // Length bounds can keep the plan from what the uniform schedule may do.
  return change >= 0
    ? `, ${size} less error than evenly spaced ones`
    : `, ${size} more error than evenly spaced ones`;
}

function formatCost(cost: number): string {
  return cost === 0 ? '0' : cost.toPrecision(5);
}

/** How many calls a bundle makes: a schedule that was searched for leaves out some of the sampler's. */
export function describeCalls(
  { sampler, schedule }: Pick<BundleManifest, 'sampler' | 'schedule'>,
  unit = 'calls',
): string {
  const { timesteps } = schedule;
  return `${timesteps ? `${timesteps.length} of ` : ''}${sampler.calls} ${unit}`;
}
