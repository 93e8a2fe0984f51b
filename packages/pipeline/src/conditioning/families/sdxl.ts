import { tensor } from '@cachequant/tensor';
import type { Conditioning } from '../../denoise/denoiser.js';
import type { ConditioningFamily, ConditioningRequest } from '../conditioning-encoder.js';
import { sideBySide } from '../join-states.js';
import type { EncodedPrompt, PromptEncoder } from '../prompt-encoder.js';
import { windowsOf } from '../prompt-windows.js';
import { takesInputs } from '../takes-inputs.js';
import {
  openAll,
  openTextEncoder,
  penultimate,
  penultimateAndPooled,
  warnOfDropped,
} from '../text-encoder-part.js';

export const SDXL_INPUTS: readonly string[] = ['encoder_hidden_states', 'text_embeds', 'time_ids'];

/** Numbers on the picture: its size, the corner of the crop, and the target's size. */
const NUMBERS = 6;

/**
 * Stable Diffusion XL: the hidden states before the last layer of two text encoders side by side, the pooled vector of
 * the second, and the size of the picture. The unconditional half is the negative prompt; without one it is zeros,
 * where the model says so.
 *
 * Source: Podell et al., SDXL, 2023, https://arxiv.org/abs/2307.01952, as diffusers' StableDiffusionXLPipeline does
 * it. Differs: an empty negative prompt counts as none.
 */
export const sdxlFamily: ConditioningFamily = {
  name: 'Stable Diffusion XL',
  takesText: true,
  guided: true,
  defaults: { guidanceScale: 5 },
  accepts: (model) =>
    takesInputs(model, SDXL_INPUTS) &&
    model.inputs.some(
      ({ name, dims }) => name === 'time_ids' && (typeof dims[1] !== 'number' || dims[1] === NUMBERS),
    ),
  async open({ folder, inputs, load, prompts }) {
    const skipped = prompts?.clipSkip;
    const pooled = penultimateAndPooled(skipped);
    const [first, second] = await openAll<[PromptEncoder, PromptEncoder]>(
      () => openTextEncoder(folder, load, FIRST, penultimate(skipped), { prompts }),
      () => openTextEncoder(folder, load, SECOND_ENCODER, pooled, { prompts }),
    );
    const input = inputs.find(({ name }) => name === 'encoder_hidden_states')!;
    const zeros = folder.index?.force_zeros_for_empty_prompt ?? false;
    return {
      async encode(request, half, { warn, signal } = {}) {
        const text = (half === 'conditional' ? request.prompt : request.negativePrompt) ?? '';
        const count = windowsOf([first, second], request, { input, prompts });
        const both = [
          await first.encode(text, signal, count),
          await second.encode(text, signal, count),
        ] as const;
        // Both tokenizers have the same words; what one leaves out, the other does too.
        const { droppedWords } = both[0];
        warnOfDropped(droppedWords, warn);
        const conditioning = conditioningOf(both, request);
        return half === 'unconditional' && text === '' && zeros ? withoutText(conditioning) : conditioning;
      },
      async dispose() {
        await Promise.all([first.dispose(), second.dispose()]);
      },
    };
  },
};

const FIRST = { encoder: 'text_encoder', tokenizer: 'tokenizer' };
export const SECOND_ENCODER = { encoder: 'text_encoder_2', tokenizer: 'tokenizer_2' };

function conditioningOf(
  [first, second]: readonly [EncodedPrompt, EncodedPrompt],
  { width, height }: ConditioningRequest,
): Conditioning {
  return {
    encoder_hidden_states: sideBySide(first.hiddenStates, second.hiddenStates),
    text_embeds: second.pooled!,
    // Size of the original, corner of the crop, size of the target: as if nothing had been scaled or cut.
    time_ids: tensor('float32', [1, NUMBERS], Float32Array.of(height, width, 0, 0, height, width)),
  };
}

function withoutText({ encoder_hidden_states, text_embeds, ...others }: Conditioning): Conditioning {
  return {
    ...others,
    encoder_hidden_states: tensor('float32', encoder_hidden_states!.dims),
    text_embeds: tensor('float32', text_embeds!.dims),
  };
}
