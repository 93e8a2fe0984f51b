import { CacheQuantError } from '@cachequant/tensor';
import type { Conditioning } from '../denoise/denoiser.js';
import { concatBatch } from '../denoise/guidance.js';
import type { PromptEncoder } from './prompt-encoder.js';

/** Takes what the user should know; throws it instead where the request is strict. */
export type Warn = (message: string) => void;

/**
 * The hidden states of a batch of prompts, as U-Nets and transformers take them; nothing where no text is taken.
 * @throws CacheQuantError `runtime`, `aborted`, and whatever `warn` throws
 */
export async function promptConditioning(
  encoder: PromptEncoder | undefined,
  prompts: readonly (string | undefined)[],
  warn: Warn,
  signal?: AbortSignal,
): Promise<Conditioning> {
  if (encoder === undefined) return {};
  const [first, ...others] = await encodeAll(encoder, prompts, warn, signal);
  return { encoder_hidden_states: others.reduce(concatBatch, first!) };
}

async function encodeAll(
  encoder: PromptEncoder,
  prompts: readonly (string | undefined)[],
  warn: Warn,
  signal: AbortSignal | undefined,
) {
  const states = [];
  for (const prompt of prompts) {
    const { hiddenStates, droppedWords } = await encoder.encode(prompt ?? '', signal);
    if (droppedWords.length > 0) warn(`the prompt is too long; left out: ${droppedWords.join(' ')}`);
    states.push(hiddenStates);
  }
  return states;
}

/** Collects warnings without repeating them; a note is one that no strict request is refused for. */
export function warningCollector(
  strict: boolean,
  onWarning: Warn | undefined,
): { warn: Warn; note: Warn; warnings: readonly string[] } {
  const warnings: string[] = [];
  const note = (message: string) => {
    if (warnings.includes(message)) return;
    warnings.push(message);
    onWarning?.(message);
  };
  const warn = (message: string) => {
    if (strict) throw new CacheQuantError('invalid-argument', message, { where: 'generate, strict' });
    note(message);
  };
  return { warn, note, warnings };
}
