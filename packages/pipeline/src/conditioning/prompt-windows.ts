import { CacheQuantError, type TensorInfo } from '@cachequant/tensor';
import type { ConditioningRequest } from './conditioning-encoder.js';
import type { PromptOptions } from './prompt-options.js';
import { parseWeights } from './prompt-weights.js';
import { type TokenizedPrompt, type Tokenizer, wordsBeyond } from './tokenizer.js';

/** A part of a prompt that a text encoder takes at once. */
export interface PromptWindow extends Pick<TokenizedPrompt, 'ids' | 'attentionMask'> {
  /** One for each position of the window; undefined where all are 1. */
  readonly weights: Float32Array | undefined;
}

/** A prompt as windows, and the words for which there was no room. */
export interface WindowedPrompt {
  readonly windows: readonly PromptWindow[];
  readonly droppedWords: readonly string[];
}

interface WeightedTokens {
  /** Without weights. */
  readonly text: string;
  readonly ids: readonly number[];
  readonly weights: readonly number[];
}

/** How many windows a prompt needs: one at least. */
export function windowsNeeded(tokenizer: Tokenizer, prompt: string, weighted: boolean): number {
  return Math.max(1, Math.ceil(weightedTokens(tokenizer, prompt, weighted).ids.length / tokenizer.room));
}

/**
 * Cuts the tokens of a prompt into windows, each between special tokens and padded as a prompt of its own; windows that
 * nothing is left for are those of an empty prompt.
 * @param weighted whether the prompt has weights (see `parseWeights`)
 */
export function promptWindows(
  tokenizer: Tokenizer,
  prompt: string,
  { count, weighted }: { readonly count: number; readonly weighted: boolean },
): WindowedPrompt {
  const { text, ids, weights } = weightedTokens(tokenizer, prompt, weighted);
  const { room } = tokenizer;
  const windows = Array.from({ length: count }, (_, i): PromptWindow => {
    const own = weights.slice(i * room, (i + 1) * room);
    const filled = new Float32Array(tokenizer.length).fill(1);
    filled.set(own, tokenizer.leading);
    return {
      ...tokenizer.window(ids.slice(i * room, (i + 1) * room)),
      weights: own.some((weight) => weight !== 1) ? filled : undefined,
    };
  });
  const fits = ids.length <= count * room;
  return { windows, droppedWords: fits ? [] : wordsBeyond(text, count * room, tokenizer.tokens) };
}

/** Special tokens and padding are never weighted. */
function weightedTokens(tokenizer: Tokenizer, prompt: string, weighted: boolean): WeightedTokens {
  if (!weighted) return { text: prompt, ids: tokenizer.tokens(prompt), weights: [] };
  const pieces = parseWeights(prompt).map(({ text, weight }) => ({
    text,
    weight,
    ids: tokenizer.tokens(text),
  }));
  return {
    text: pieces.map(({ text }) => text).join(''),
    ids: pieces.flatMap(({ ids }) => ids),
    weights: pieces.flatMap(({ ids, weight }) => ids.map(() => weight)),
  };
}

/** What says how many windows the prompts of a request take. */
export interface WindowContext {
  /** The denoiser's input [B, S, D] for the text. */
  readonly input: TensorInfo;
  readonly prompts: PromptOptions | undefined;
}

/**
 * Windows for every text of a request, so that they have one length: as many as the longest needs, up to those that are
 * allowed; in a graph of one length, as many as that has.
 * @throws CacheQuantError `unsupported` for a graph of a length that is no number of windows
 */
export function windowsOf(
  encoders: readonly { readonly length: number; windowsFor(prompt: string): number }[],
  { prompt = '', negativePrompt = '', companions = [] }: ConditioningRequest,
  { input: { name, dims }, prompts: { chunks = 1, padChunks = false } = {} }: WindowContext,
): number {
  const [, fixed] = dims;
  const { length } = encoders[0]!;
  if (typeof fixed === 'number' && Number.isInteger(fixed / length)) return fixed / length;
  if (typeof fixed === 'number') {
    throw new CacheQuantError('unsupported', 'the denoiser takes texts of another length', {
      where: `denoiser input ${name}`,
      expected: `a multiple of ${length} tokens, which the text encoder gives`,
      got: String(fixed),
    });
  }
  if (padChunks || chunks === 1) return chunks;
  const texts = [prompt, negativePrompt, ...companions];
  const needed = texts.flatMap((text) => encoders.map((encoder) => encoder.windowsFor(text)));
  return Math.min(chunks, Math.max(...needed));
}
