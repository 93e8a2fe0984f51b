import { CacheQuantError, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';
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
function latentConsistency(base: ConditioningFamily, guidanceScale: number): ConditioningFamily {
  return {
    name: `latent consistency, ${base.name}`,
    takesText: base.takesText,
    guided: false,
    embedsGuidance: true,
    defaults: { steps: 4, guidanceScale },
    accepts: (model) => splitModel(model).embedding !== undefined && base.accepts(splitModel(model).rest),
    async open({ load, ...model }) {
      const { embedding, rest } = splitModel(model);
      const channels = channelsOf(embedding!, model);
      const encoder = await base.open({ ...rest, load });
      return {
        async encode(request, half, options) {
          const scale = request.guidanceScale ?? guidanceScale;
          return {
            ...(await encoder.encode(request, half, options)),
            [INPUT]: guidanceEmbedding(scale, channels),
          };
        },
        dispose: () => encoder.dispose(),
      };
    },
  };
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

/** Frequencies fall to this part of the first. */
const LOWEST = 10_000;

/**
 * [1, channels]: sines, then cosines, of 1000 · (scale − 1) at falling frequencies.
 *
 * Source: `get_guidance_scale_embedding` of diffusers.
 */
function guidanceEmbedding(scale: number, channels: number): Tensor<'float32'> {
  const half = Math.floor(channels / 2);
  const embedding = tensor('float32', [1, channels]);
  const weight = Math.fround(1000 * Math.fround(scale - 1));
  for (let i = 0; i < half; i++) {
    const angle = Math.fround(weight * Math.fround(LOWEST ** (-i / Math.max(1, half - 1))));
    embedding.data[i] = Math.sin(angle);
    embedding.data[half + i] = Math.cos(angle);
  }
  return embedding;
}
