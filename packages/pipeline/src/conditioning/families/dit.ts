import { tensor } from '@cachequant/tensor';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';

/**
 * DiT: a class, and behind the classes one that stands for none, which is the unconditional half.
 *
 * Source: Peebles and Xie, Scalable Diffusion Models with Transformers, 2023, https://arxiv.org/abs/2212.09748, as
 * diffusers' DiTPipeline does it: all channels of the noise are guided (the paper's own code guides three of four), and
 * the learned variance is dropped where the sampler does not ask for it.
 */
export const ditFamily: ConditioningFamily = {
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
  async open(model) {
    const none = classesOf(model);
    return {
      async encode({ classLabel = none }, half) {
        const label = half === 'conditional' ? classLabel : none;
        return { class_labels: tensor('int64', [1], BigInt64Array.of(BigInt(label))) };
      },
      dispose: async () => {},
    };
  },
};

function classesOf({ folder }: Pick<ConditionedModel, 'folder'>): number {
  return folder.denoiser.config.num_embeds_ada_norm!;
}
