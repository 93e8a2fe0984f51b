import { knownNames } from '../../known-names.js';
import type { SubjectSplit } from './ablation-model.js';

/** Every kind of clothing as a class, in an order in which neighbours differ. */
export async function classSubjects(): Promise<SubjectSplit> {
  const { kinds } = await knownNames();
  const subjects = kinds.map((_, i) => {
    const classLabel = (3 * i) % kinds.length;
    return { prompt: '', classLabel, caption: kinds[classLabel]! };
  });
  return { calibration: subjects, heldOut: subjects };
}
