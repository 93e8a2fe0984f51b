import type { ConditionedModel } from '../conditioning-encoder.js';
import { recipeFamily } from '../recipe/recipe-family.js';

/**
 * Latent diffusion of classes: the denoiser attends to one state, the class's entry of a table. The last entry stands
 * for no class, and is the unconditional half.
 *
 * Source: Rombach et al., 2022, https://arxiv.org/abs/2112.10752, as their code samples ImageNet's classes
 * (`cin256-v2`: 1,001 entries, guidance scale 3).
 */
export const classEmbeddingFamily = recipeFamily({
  name: 'class embeddings',
  takesText: false,
  guided: true,
  defaults: { steps: 50, guidanceScale: 3 },
  accepts: ({ folder, inputs }) =>
    folder.classEmbedder !== undefined && folder.textEncoder === undefined && inputs.length === 1,
  classes: classesOf,
  describe: (model) => ({
    encoders: {},
    inputs: {
      [model.inputs[0]!.name]: {
        from: 'graph',
        folder: 'class_embedder',
        input: {
          from: 'numbers',
          values: ['class_label'],
          unconditional: [classesOf(model)],
          dims: [1],
          dtype: 'int32',
        },
      },
    },
  }),
});

function classesOf({ folder }: ConditionedModel): number {
  return folder.classEmbedder!.config.n_classes - 1;
}
