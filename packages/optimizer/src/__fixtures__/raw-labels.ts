import type { NamedStage } from '../work/stage.js';

/** A verb in lower case and what it is done to. */
const WORDS = /^[a-z]+( [\w"(),-]+)+$/;

/** Ids of stages whose labels people cannot read, or take for another stage's. */
export function rawLabels(stages: readonly NamedStage[]): string[] {
  const labels = stages.map(({ label }) => label);
  return stages
    .filter(
      ({ id, label }) =>
        !WORDS.test(label) || label === id || labels.indexOf(label) !== labels.lastIndexOf(label),
    )
    .map(({ id }) => id);
}
