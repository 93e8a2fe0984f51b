import { CacheQuantError } from '@cachequant/tensor';
import { CONTROL_EMBEDDING, CONTROL_SCALES } from '../../denoise/control-inputs.js';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';
import { type DescribedFamily, recipeFamily } from '../recipe/recipe-family.js';
import { latentConsistencyFamily, latentConsistencySdxlFamily } from './latent-consistency.js';
import { sdxlFamily } from './sdxl.js';
import { textFamily } from './text.js';

/**
 * Models that follow a ControlNet: what another family is conditioned on, what the ControlNet's first layers make of the
 * control image, and a factor for each of its residuals. The ControlNet itself is in the denoiser's graph.
 *
 * Source: Zhang, Rao and Agrawala, 2023, https://arxiv.org/abs/2302.05543, as diffusers'
 * StableDiffusionControlNetPipeline does it. Differs: the layers that see the control image alone run once for a picture,
 * not at every call; in guess mode the ControlNet also runs on the unconditional half, and is not heard there.
 */
function controlled(base: DescribedFamily): ConditioningFamily {
  const name = `${base.name}, with a ControlNet`;
  return recipeFamily({
    ...base,
    name,
    takesControl: true,
    accepts: (model) => scalesInput(model) !== undefined && base.accepts(withoutControl(model)),
    describe(model) {
      const residuals = scalesInput(model)?.dims[1];
      const graph = model.folder.controlNet?.model;
      if (graph === undefined || typeof residuals !== 'number') throw missing();
      const { inputs, ...described } = base.describe(withoutControl(model));
      return {
        ...described,
        family: name,
        takesControl: true,
        inputs: {
          ...inputs,
          [CONTROL_EMBEDDING]: { from: 'control_image', folder: graph.slice(0, graph.lastIndexOf('/')) },
          [CONTROL_SCALES]: { from: 'control_scales', count: residuals },
        },
      };
    },
  });
}

export const CONTROLLED_FAMILIES: readonly ConditioningFamily[] = [
  textFamily,
  sdxlFamily,
  latentConsistencyFamily,
  latentConsistencySdxlFamily,
].map(controlled);

function scalesInput({ inputs }: ConditionedModel) {
  return inputs.some(({ name }) => name === CONTROL_EMBEDDING)
    ? inputs.find(({ name }) => name === CONTROL_SCALES)
    : undefined;
}

function withoutControl({ folder, inputs }: ConditionedModel): ConditionedModel {
  const own = [CONTROL_EMBEDDING, CONTROL_SCALES];
  return { folder, inputs: inputs.filter(({ name }) => !own.includes(name)) };
}

function missing(): CacheQuantError {
  return new CacheQuantError('storage', 'the model lacks a part', {
    where: 'controlnet_cond_embedding/',
    expected: 'the layers of the ControlNet that see the control image',
    hint: 'Copy the folder whole.',
  });
}
