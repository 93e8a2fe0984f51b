import type { Candidate } from './candidate.js';
import { buildCandidate } from './candidate.js';
import { type CorrectedOutputs, correctOutputs } from './correct-outputs.js';
import { meanOf as mean } from './statistics.js';
import type { Study } from './study.js';
import type { Variant } from './variant.js';

/** The winner on the calibration images, and everything it was compared with. */
export interface Choice {
  readonly candidates: readonly Candidate[];
  readonly chosen: Candidate;
  /** The quantization correction; undefined in float. */
  readonly outputs: CorrectedOutputs | undefined;
  readonly outputsKept: boolean;
  readonly variant: Variant;
}

/** Tries every schedule of the recipe, and the quantization correction on the best one. */
export async function chooseVariant(study: Study): Promise<Choice> {
  const { recipe } = study.lab;
  const candidates: Candidate[] = [];
  for (const schedule of recipe.schedules) {
    candidates.push(await buildCandidate(study, schedule, recipe.cacheCorrection));
  }
  const chosen = candidates.reduce((best, next) => (mean(next.psnr) > mean(best.psnr) ? next : best));
  const corrects = study.integers !== undefined && recipe.cacheCorrection !== 'none';
  const outputs = corrects
    ? await study.runner.stage('correct-outputs', () => correctOutputs(study, chosen))
    : undefined;
  const outputsKept = outputs !== undefined && mean(outputs.psnr) >= mean(chosen.psnr);
  return {
    candidates,
    chosen,
    outputs,
    outputsKept,
    variant: outputsKept ? outputs!.variant : chosen.variant,
  };
}
