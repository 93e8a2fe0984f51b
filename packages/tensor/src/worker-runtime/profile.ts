import type { ProfiledNode } from '../index.js';
import type { KernelEvent } from './protocol.js';

/** Sums the kernels' events per node, in the order in which the nodes first ran. */
export function sumPerNode(events: readonly KernelEvent[]): ProfiledNode[] {
  const nodes = new Map<string, ProfiledNode>();
  for (const { name, durationMs, ...event } of events) {
    const sum = nodes.get(name) ?? { name, ...event, runs: 0, totalMs: 0, runMs: [] };
    nodes.set(name, {
      ...sum,
      runs: sum.runs + 1,
      totalMs: sum.totalMs + durationMs,
      runMs: [...sum.runMs, durationMs],
    });
  }
  return [...nodes.values()];
}
