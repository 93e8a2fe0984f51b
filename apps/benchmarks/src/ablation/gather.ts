import { nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { type Contestant, floatContestant, studiedContestant } from './contestants.js';
import type { RowSpec } from './rows.js';
import { openStudy } from './studies.js';

export interface GatherRequest {
  readonly runtime: Runtime;
  readonly folder: string;
  readonly schedulerConfig: unknown;
  readonly calibrationPrompts: readonly string[];
  readonly int8FullRange: boolean;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Contestants of all rows, in their order: observes, quantizes and plans what was not before. */
export async function gatherContestants(
  rows: readonly RowSpec[],
  request: GatherRequest,
): Promise<Contestant[]> {
  const made = new Map<string, Contestant>();
  const model = nodeStorage(request.folder);
  const asItCame = ({ bits, cache }: RowSpec) => bits === 'float' && !cache;
  for (const spec of rows.filter(asItCame)) {
    made.set(spec.id, await floatContestant(spec, { ...request, model }));
  }
  const groups = new Map<string, RowSpec[]>();
  for (const spec of rows.filter((each) => !asItCame(each))) {
    const key = `${spec.sampler} ${spec.steps}`;
    groups.set(key, [...(groups.get(key) ?? []), spec]);
  }
  for (const group of groups.values()) {
    const { sampler, steps } = group[0]!;
    const interval = Math.max(...group.map((spec) => spec.interval), 2);
    const { study, opened } = await openStudy({
      ...request,
      prompts: request.calibrationPrompts,
      sampler,
      steps,
      interval,
    });
    try {
      for (const spec of group) made.set(spec.id, await studiedContestant(spec, study));
    } finally {
      await opened.dispose();
    }
  }
  return rows.map(({ id }) => made.get(id)!);
}
