/** Operators of a graph by type, with how many of each there are; those of unknown type are `*`. */
export type HostOperators = Readonly<Record<string, number>>;

const ALL_ON = /All nodes placed on \[(\w+)\]\. Number of nodes: (\d+)/;
const PLACED_ON = /Node\(s\) placed on \[(\w+)\]/;
const NODE = /VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/;
const HOST = 'CPUExecutionProvider';

/**
 * The operators on the processor, from the log of a session that was loaded with everything told. Where all of them
 * are there, the log does not name them.
 */
export function hostOperatorsIn(log: readonly string[]): HostOperators {
  const counts: Record<string, number> = {};
  let provider: string | undefined;
  for (const line of log) {
    const [, all, count] = ALL_ON.exec(line) ?? [];
    if (all === HOST) return { '*': Number(count) };
    provider = PLACED_ON.exec(line)?.[1] ?? provider;
    const type = NODE.exec(line)?.[1];
    if (type !== undefined && provider === HOST) counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}
