import { tensor } from '@cachequant/tensor';
import type { ConditionedModel, ConditioningFamily } from '../conditioning-encoder.js';
import { takesInputs } from '../takes-inputs.js';
import { openTextEncoder, refusePromptOptions, warnOfDropped } from '../text-encoder-part.js';

const TEXT = ['encoder_hidden_states', 'encoder_attention_mask'];
const SIZE = ['resolution', 'aspect_ratio'];

/**
 * PixArt: the hidden states of T5 and which of its tokens are text, and, of the models for 1024 pixels, the picture's
 * size and form. The unconditional half is the negative prompt, empty where there is none. Prompts are taken in lower
 * case, without the whitespace around them.
 *
 * Sources: Chen et al., PixArt-α, 2023, https://arxiv.org/abs/2310.00426, and PixArt-Σ, 2024,
 * https://arxiv.org/abs/2403.04692, as diffusers' PixArtAlphaPipeline and PixArtSigmaPipeline do it. Differs: prompts
 * are not cleaned of HTML and addresses (`clean_caption`), and sizes are taken as they are asked for, not moved to the
 * nearest of a list (`use_resolution_binning`).
 * @param length tokens of a prompt
 */
function pixArt(
  name: string,
  length: number,
  accepts: (model: ConditionedModel) => boolean,
): ConditioningFamily {
  const part = { encoder: 'text_encoder', tokenizer: 'tokenizer', length, padding: 'masked' } as const;
  return {
    name,
    takesText: true,
    guided: true,
    defaults: { steps: 20, guidanceScale: 4.5 },
    accepts,
    async open({ folder, inputs, load, prompts = {} }) {
      refusePromptOptions(prompts, name, 'skips none');
      const encoder = await openTextEncoder(folder, load, part, undefined, { prompts });
      const isSized = inputs.some(({ name }) => name === SIZE[0]);
      return {
        async encode({ prompt, negativePrompt, width, height }, half, { warn, signal } = {}) {
          const text = ((half === 'conditional' ? prompt : negativePrompt) ?? '').toLowerCase().trim();
          const { hiddenStates, attentionMask, droppedWords } = await encoder.encode(text, signal);
          warnOfDropped(droppedWords, warn);
          return {
            encoder_hidden_states: hiddenStates,
            encoder_attention_mask: tensor('int32', [1, length], Int32Array.from(attentionMask)),
            ...(isSized && {
              resolution: tensor('float32', [1, 2], Float32Array.of(height, width)),
              aspect_ratio: tensor('float32', [1, 1], Float32Array.of(height / width)),
            }),
          };
        },
        dispose: () => encoder.dispose(),
      };
    },
  };
}

const SIGMA = 'PixArtSigmaPipeline';

export const pixArtSigmaFamily = pixArt(
  'PixArt-Σ',
  300,
  (model) => takesInputs(model, TEXT) && model.folder.index?._class_name === SIGMA,
);

export const pixArtAlphaFamily = pixArt('PixArt-α', 120, (model) =>
  takesInputs(model, TEXT)
    ? model.folder.index?._class_name !== SIGMA
    : takesInputs(model, [...TEXT, ...SIZE]),
);
