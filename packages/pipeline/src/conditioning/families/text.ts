import type { ConditioningFamily } from '../conditioning-encoder.js';
import { openTextEncoder } from '../text-encoder-part.js';

/**
 * Models that take the hidden states of one text encoder, under whatever name: Stable Diffusion 1.x and 2.x, LDM with
 * text. The unconditional half is the negative prompt.
 */
export const textFamily: ConditioningFamily = {
  name: 'one text encoder',
  takesText: true,
  guided: true,
  accepts: ({ folder, inputs }) => folder.textEncoder !== undefined && inputs.length === 1,
  async open({ folder, inputs, load }) {
    const encoder = await openTextEncoder(folder, load, { encoder: 'text_encoder', tokenizer: 'tokenizer' });
    const { name } = inputs[0]!;
    return {
      async encode({ prompt, negativePrompt }, half, { warn, signal } = {}) {
        const text = (half === 'conditional' ? prompt : negativePrompt) ?? '';
        const { hiddenStates, droppedWords } = await encoder.encode(text, signal);
        if (droppedWords.length > 0) warn?.(`the prompt is too long; left out: ${droppedWords.join(' ')}`);
        return { [name]: hiddenStates };
      },
      dispose: () => encoder.dispose(),
    };
  },
};
