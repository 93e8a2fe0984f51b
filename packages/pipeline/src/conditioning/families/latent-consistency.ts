import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import type { ConditionedModel } from '../conditioning-encoder.js';
import { type DescribedFamily, recipeFamily } from '../recipe/recipe-family.js';
import { sdxlFamily } from './sdxl.js';
import { textFamily } from './text.js';

const INPUT = 'timestep_cond';

/** Guidance scales of diffusers' pipeline, and of the card of the model made from SDXL. */
const TEXT_GUIDANCE = 8.5;
const SDXL_GUIDANCE = 8;

/**
 * Latent consistency models: what another family is conditioned on, and the guidance scale as a vector. The model was
 * distilled with guidance, so there is no unconditional half and no negative prompt.
 *
 * Source: Luo et al., Latent Consistency Models, 2023, https://arxiv.org/abs/2310.04378, as diffusers'
 * LatentConsistencyModelPipeline does it: the scale that enters is the one of the request less 1.
 */
function latentConsistency(base: DescribedFamily, guidanceScale: number): DescribedFamily {
  const own = {
    name: `latent consistency, ${base.name}`,
    guided: false,
    embedsGuidance: true,
    defaults: { steps: 4, guidanceScale },
  };
  return recipeFamily({
    ...own,
    takesText: base.takesText,
    accepts: (model) => splitModel(model).embedding !== undefined && base.accepts(splitModel(model).rest),
    describe(model) {
      const { embedding, rest } = splitModel(model);
      const { name: family, ...fields } = own;
      const { inputs, ...described } = base.describe(rest);
      const guidance = { from: 'guidance_embedding', channels: channelsOf(embedding!, model) } as const;
      return { ...described, ...fields, family, inputs: { ...inputs, [INPUT]: guidance } };
    },
  });
}

export const latentConsistencyFamily = latentConsistency(textFamily, TEXT_GUIDANCE);
export const latentConsistencySdxlFamily = latentConsistency(sdxlFamily, SDXL_GUIDANCE);

/** The model without the input for guidance, and that input. */
function splitModel({ folder, inputs }: ConditionedModel) {
  const rest = { folder, inputs: inputs.filter(({ name }) => name !== INPUT) };
  return { embedding: inputs.find(({ name }) => name === INPUT), rest };
}

function channelsOf({ dims }: TensorInfo, { folder: { denoiser } }: ConditionedModel): number {
  const declared = dims[1] ?? denoiser.config.time_cond_proj_dim;
  if (typeof declared === 'number') return declared;
  throw new CacheQuantError('unsupported', 'the model does not say how guidance enters', {
    where: `denoiser input ${INPUT}`,
    expected: 'a fixed number of channels, or time_cond_proj_dim in its config.json',
    got: `[${dims}]`,
  });
}
