import { CacheQuantError } from '@cachequant/tensor';
import { Tokenizer as TokenizerModel } from '@huggingface/tokenizers';

/** A prompt as a text encoder takes it. */
export interface TokenizedPrompt {
  /** As many as `Tokenizer.length`: special tokens and padding included. */
  readonly ids: readonly number[];
  /** 1 for every token that is not padding. */
  readonly attentionMask: readonly number[];
  /** Words of the prompt for which there was no room, in order. */
  readonly droppedWords: readonly string[];
}

/** Turns prompts into token ids of one length. */
export interface Tokenizer {
  readonly length: number;
  encode(prompt: string): TokenizedPrompt;
}

export interface TokenizerOptions {
  readonly length: number;
  readonly padToken: string;
  /** The content of `tokenizer_config.json`. */
  readonly config: object;
  /** For messages. */
  readonly where: string;
}

/**
 * Makes a tokenizer from the content of a `tokenizer.json`.
 * @throws CacheQuantError `invalid-argument` when the definition cannot be used, or the padding is no token
 */
export function createTokenizer(definition: object, options: TokenizerOptions): Tokenizer {
  const { length, padToken, config, where } = options;
  const model = buildModel(definition, config, where);
  const padId = model.token_to_id(padToken);
  if (padId === undefined) {
    throw new CacheQuantError('invalid-argument', 'the padding is not in the vocabulary', {
      where,
      got: padToken,
    });
  }
  const content = (text: string): number[] => model.encode(text, { add_special_tokens: false }).ids;
  const [prefix, suffix] = specialTokens(model, where);
  const room = length - prefix.length - suffix.length;
  if (!Number.isInteger(length) || room < 1) {
    throw new CacheQuantError('invalid-argument', 'there is no room for a prompt', {
      where: `${where}, model_max_length`,
      expected: `a whole number from ${prefix.length + suffix.length + 1}`,
      got: String(length),
    });
  }

  return {
    length,
    encode(prompt) {
      const ids = content(prompt);
      const used = [...prefix, ...ids.slice(0, room), ...suffix];
      const padding = new Array<number>(length - used.length);
      return {
        ids: [...used, ...padding.fill(padId)],
        attentionMask: [...used.map(() => 1), ...padding.fill(0)],
        droppedWords: ids.length > room ? wordsBeyond(prompt, room, content) : [],
      };
    },
  };
}

function buildModel(definition: object, config: object, where: string): TokenizerModel {
  try {
    return new TokenizerModel(definition, config);
  } catch (cause) {
    throw new CacheQuantError('invalid-argument', 'the tokenizer cannot be built', {
      where,
      got: cause instanceof Error ? cause.message : String(cause),
      hint: 'Save it again as tokenizer.json with transformers',
      cause,
    });
  }
}

/** What the tokenizer puts before and after every text, found by what it does to a letter. */
function specialTokens(model: TokenizerModel, where: string): [number[], number[]] {
  const whole: number[] = model.encode('a').ids;
  const content: number[] = model.encode('a', { add_special_tokens: false }).ids;
  const start = whole.findIndex((_, i) => content.every((id, k) => whole[i + k] === id));
  if (start >= 0) return [whole.slice(0, start), whole.slice(start + content.length)];
  throw new CacheQuantError('unsupported', 'special tokens are not around the text', {
    where,
    expected: `[${content}] inside`,
    got: `[${whole}]`,
  });
}

/** The words from the first on that does not fit whole. */
function wordsBeyond(prompt: string, room: number, content: (text: string) => number[]): string[] {
  const words = prompt.trim().split(/\s+/);
  const first = words.findIndex((_, i) => content(words.slice(0, i + 1).join(' ')).length > room);
  return words.slice(first);
}
