import type { ConditioningFamily } from '../conditioning/conditioning-encoder.js';
import { fewStepDefaults } from '../model/few-step-scheduler.js';
import type { ModelFolder } from '../model/model-folder.js';
import type { GenerationDefaults } from './generation-request.js';

const STEPS = 50;
const GUIDANCE_SCALE = 7.5;

/** Steps and guidance scale for requests that name none, and what the user should know of them. */
export interface FolderDefaults extends GenerationDefaults {
  readonly notes: readonly string[];
}

/**
 * What a folder says in `model_index.json`; else what its sampler tells of models of few steps, and its family of all.
 * A scale that enters a model as an input is the family's, whatever the sampler.
 * @param family undefined where it is not known
 */
export function generationDefaults(
  { index, scheduler }: Pick<ModelFolder, 'index' | 'scheduler'>,
  family?: Pick<ConditioningFamily, 'defaults' | 'embedsGuidance'>,
): FolderDefaults {
  const few = fewStepDefaults(scheduler);
  const own = family?.defaults;
  const scales = family?.embedsGuidance
    ? [index?.guidance_scale, own?.guidanceScale, few?.guidanceScale]
    : [index?.guidance_scale, few?.guidanceScale, own?.guidanceScale];
  const guessed = few && (index?.num_inference_steps === undefined || index.guidance_scale === undefined);
  return {
    steps: index?.num_inference_steps ?? few?.steps ?? own?.steps ?? STEPS,
    guidanceScale: scales.find((scale) => scale !== undefined) ?? GUIDANCE_SCALE,
    notes: guessed && few.note !== undefined ? [few.note] : [],
  };
}
