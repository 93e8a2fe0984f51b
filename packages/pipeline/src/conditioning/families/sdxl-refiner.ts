import { tensor } from '@cachequant/tensor';
import type { ConditioningFamily } from '../conditioning-encoder.js';
import { windowsOf } from '../prompt-windows.js';
import { takesInputs } from '../takes-inputs.js';
import { openTextEncoder, penultimateAndPooled, warnOfDropped } from '../text-encoder-part.js';
import { SDXL_INPUTS, SECOND_ENCODER } from './sdxl.js';

/** Numbers on the picture: its size, the corner of the crop, and an aesthetic score in place of the target's size. */
const NUMBERS = 5;

/** Scores of the pictures that the two halves are to be like. */
const AESTHETIC_SCORES = { conditional: 6, unconditional: 2.5 };

/**
 * The refiner of Stable Diffusion XL: the second text encoder of the base model alone, and an aesthetic score. It is made
 * for pictures that are nearly done, so for image to image.
 *
 * Source: diffusers' StableDiffusionXLImg2ImgPipeline with `requires_aesthetics_score`, and its default scores.
 */
export const sdxlRefinerFamily: ConditioningFamily = {
  name: 'Stable Diffusion XL refiner',
  takesText: true,
  guided: true,
  defaults: { guidanceScale: 5 },
  accepts: (model) =>
    takesInputs(model, SDXL_INPUTS) &&
    model.inputs.some(({ name, dims }) => name === 'time_ids' && dims[1] === NUMBERS),
  async open({ folder, inputs, load, prompts }) {
    const encoder = await openTextEncoder(
      folder,
      load,
      SECOND_ENCODER,
      penultimateAndPooled(prompts?.clipSkip),
      { prompts },
    );
    const input = inputs.find(({ name }) => name === 'encoder_hidden_states')!;
    return {
      async encode(request, half, { warn, signal } = {}) {
        const text = (half === 'conditional' ? request.prompt : request.negativePrompt) ?? '';
        const count = windowsOf([encoder], request, { input, prompts });
        const { hiddenStates, pooled, droppedWords } = await encoder.encode(text, signal, count);
        warnOfDropped(droppedWords, warn);
        const { height, width } = request;
        return {
          encoder_hidden_states: hiddenStates,
          text_embeds: pooled!,
          time_ids: tensor(
            'float32',
            [1, NUMBERS],
            Float32Array.of(height, width, 0, 0, AESTHETIC_SCORES[half]),
          ),
        };
      },
      dispose: () => encoder.dispose(),
    };
  },
};
