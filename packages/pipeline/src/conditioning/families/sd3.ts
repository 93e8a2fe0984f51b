import { type Tensor, tensor } from '@cachequant/tensor';
import type { ConditioningFamily } from '../conditioning-encoder.js';
import { joinedVectors, oneAfterOther, sideBySide, widened } from '../join-states.js';
import type { PromptEncoder } from '../prompt-encoder.js';
import { takesInputs } from '../takes-inputs.js';
import {
  openAll,
  openTextEncoder,
  penultimateAndPooled,
  refusePromptOptions,
  warnOfDropped,
} from '../text-encoder-part.js';

const INPUTS = ['encoder_hidden_states', 'pooled_projections'];
/** Tokens of T5. */
const LENGTH = 256;

const FIRST = { encoder: 'text_encoder', tokenizer: 'tokenizer' };
const SECOND = { encoder: 'text_encoder_2', tokenizer: 'tokenizer_2' };
const THIRD = {
  encoder: 'text_encoder_3',
  tokenizer: 'tokenizer_3',
  length: LENGTH,
  padding: 'attended',
} as const;

/**
 * Stable Diffusion 3 and 3.5: the hidden states before the last layer of two CLIP encoders side by side, widened with
 * zeros, and behind them those of T5; the pooled vectors of the two. A folder whose index leaves T5 out has zeros in its
 * place. The unconditional half is the negative prompt, empty where there is none.
 *
 * Source: Esser et al., Scaling Rectified Flow Transformers, 2024, https://arxiv.org/abs/2403.03206, as diffusers'
 * StableDiffusion3Pipeline does it.
 */
export const sd3Family: ConditioningFamily = {
  name: 'Stable Diffusion 3',
  takesText: true,
  guided: true,
  defaults: { steps: 28, guidanceScale: 7 },
  accepts: (model) => takesInputs(model, INPUTS),
  async open({ folder, load, inputs, prompts = {} }) {
    refusePromptOptions(prompts, 'Stable Diffusion 3', 'skips layers');
    const outputs = penultimateAndPooled(prompts.clipSkip);
    const clip = (part: typeof FIRST) => () => openTextEncoder(folder, load, part, outputs, { prompts });
    const t5 = () => openTextEncoder(folder, load, THIRD, undefined, { prompts });
    const width = inputs.find(({ name }) => name === INPUTS[0])?.dims[2];
    const opened = isLeftOut(folder.index?.text_encoder_3)
      ? await openAll<[PromptEncoder, PromptEncoder]>(clip(FIRST), clip(SECOND))
      : await openAll<[PromptEncoder, PromptEncoder, PromptEncoder]>(clip(FIRST), clip(SECOND), t5);
    const [first, second, third] = opened;
    return {
      async encode({ prompt, negativePrompt }, half, { warn, signal } = {}) {
        const text = (half === 'conditional' ? prompt : negativePrompt) ?? '';
        const both = [await first.encode(text, signal), await second.encode(text, signal)] as const;
        const long = await third?.encode(text, signal);
        warnOfDropped(long?.droppedWords ?? both[0].droppedWords, warn);
        const short = sideBySide(both[0].hiddenStates, both[1].hiddenStates);
        const last = long?.hiddenStates ?? zeros(typeof width === 'number' ? width : short.dims[2]!);
        return {
          encoder_hidden_states: oneAfterOther(widened(short, last.dims[2]!), last),
          pooled_projections: joinedVectors(both[0].pooled!, both[1].pooled!),
        };
      },
      async dispose() {
        await Promise.all(opened.map((each) => each.dispose()));
      },
    };
  },
};

function zeros(width: number): Tensor<'float32'> {
  return tensor('float32', [1, LENGTH, width]);
}

/** `[null, null]` in the index, or nothing at all. */
function isLeftOut(part: unknown): boolean {
  return !Array.isArray(part) || part.every((each) => each === null);
}
