import type { TensorInfo } from '@cachequant/tensor';
import type { ChangeGraph } from '../../model/load-graph.js';
import type { ConditioningFamily } from '../conditioning-encoder.js';
import { hiddenStatesOutput } from '../prompt-encoder.js';
import { windowsOf } from '../prompt-windows.js';
import { openTextEncoder, warnOfDropped } from '../text-encoder-part.js';

/**
 * Models that take the hidden states of one text encoder, under whatever name: Stable Diffusion 1.x and 2.x, LDM with
 * text. The unconditional half is the negative prompt.
 */
export const textFamily: ConditioningFamily = {
  name: 'one text encoder',
  takesText: true,
  guided: true,
  accepts: ({ folder, inputs }) => folder.textEncoder !== undefined && inputs.length === 1,
  async open({ folder, inputs, load, prompts }) {
    const part = { encoder: 'text_encoder', tokenizer: 'tokenizer' };
    const change = await withoutLastLayers(prompts?.clipSkip);
    const encoder = await openTextEncoder(folder, load, part, undefined, { prompts, change });
    const [input] = inputs as [TensorInfo];
    const { name } = input;
    return {
      async encode(request, half, { warn, signal } = {}) {
        const text = (half === 'conditional' ? request.prompt : request.negativePrompt) ?? '';
        const count = windowsOf([encoder], request, { input, prompts });
        const { hiddenStates, droppedWords } = await encoder.encode(text, signal, count);
        warnOfDropped(droppedWords, warn);
        return { [name]: hiddenStates };
      },
      dispose: () => encoder.dispose(),
    };
  },
};

/** The last hidden states of CLIP's encoders lie behind a norm, which those before it have to go through as well. */
async function withoutLastLayers(count = 0): Promise<ChangeGraph | undefined> {
  if (count === 0) return undefined;
  // Pages that skip nothing need not fetch it.
  const { skipLastLayers } = await import('../clip-skip.js');
  return (model) => skipLastLayers(model, hiddenStatesOutput(model.graph), count);
}
