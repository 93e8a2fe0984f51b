import type { ConditionedModel } from '../conditioning-encoder.js';
import { recipeFamily } from '../recipe/recipe-family.js';

/**
 * DiT: a class, and behind the classes one that stands for none, which is the unconditional half.
 *
 * Source: Peebles and Xie, Scalable Diffusion Models with Transformers, 2023, https://arxiv.org/abs/2212.09748, as
 * diffusers' DiTPipeline does it: all channels of the noise are guided (the paper's own code guides three of four), and
 * the learned variance is dropped where the sampler does not ask for it.
 */
export const ditFamily = recipeFamily({
  name: 'class labels',
  takesText: false,
  guided: true,
  defaults: { steps: 50, guidanceScale: 4 },
  accepts: ({ folder, inputs }) =>
    folder.textEncoder === undefined &&
    inputs.length === 1 &&
    inputs[0]!.name === 'class_labels' &&
    folder.denoiser.config.num_embeds_ada_norm != null,
  classes: classesOf,
  describe: (model) => ({
    encoders: {},
    inputs: {
      class_labels: {
        from: 'numbers',
        values: ['class_label'],
        unconditional: [classesOf(model)],
        dims: [1],
        dtype: 'int64',
      },
    },
  }),
});

function classesOf({ folder }: Pick<ConditionedModel, 'folder'>): number {
  return folder.denoiser.config.num_embeds_ada_norm!;
}
