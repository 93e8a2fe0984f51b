import { CacheQuantError } from '@cachequant/tensor';
import { Tokenizer as TokenizerModel } from '@huggingface/tokenizers';
import { type AddedToken, splitAtTokens } from './added-tokens.js';

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
  /** The token ids of a prompt, padded to the model's length, and the words that did not fit. */
  encode(prompt: string): TokenizedPrompt;
  /** Ids of a text of any length, without special tokens and padding. */
  tokens(text: string): readonly number[];
  /**
   * Ids of `tokens` between special tokens, padded to the model's length.
   * @param ids at most `room`
   */
  window(ids: readonly number[]): Pick<TokenizedPrompt, 'ids' | 'attentionMask'>;
  /** Tokens of a text that have room in one window. */
  readonly room: number;
  /** Special tokens before a text. */
  readonly leading: number;
  /**
   * Words of a prompt that are not in the vocabulary: they become the unknown token, or, of four letters or more, are
   * spelled in pieces of less than two letters on average. In lower case, each once.
   */
  unknownWords(prompt: string): string[];
}

/** Short words may be spelled by any vocabulary. */
const LEAST_LETTERS = 4;
const SPELLED_LETTERS = 2;

export interface TokenizerOptions {
  readonly length: number;
  readonly padToken: string;
  /** The content of `tokenizer_config.json`. */
  readonly config: object;
  /** Found in the text before the model of the definition, which then takes pieces of it; left out: its own. */
  readonly added?: readonly AddedToken[] | undefined;
  /** For messages. */
  readonly where: string;
}

/**
 * Makes a tokenizer from the content of a `tokenizer.json`.
 * @throws CacheQuantError `invalid-argument` when the definition cannot be used, or the padding is no token
 */
export function createTokenizer(definition: object, options: TokenizerOptions): Tokenizer {
  const { length, padToken, config, where, added } = options;
  const model = buildModel(definition, config, where);
  const padId = added?.find(({ content }) => content === padToken)?.id ?? model.token_to_id(padToken);
  if (padId === undefined) {
    throw new CacheQuantError('invalid-argument', 'the padding is not in the vocabulary', {
      where,
      got: padToken,
    });
  }
  const plain = (text: string): number[] => model.encode(text, { add_special_tokens: false }).ids;
  const { normalizer } = model;
  // What is split is normalized beforehand, and some normalizers change a text again that they have changed.
  if (added) model.normalizer = null;
  const content = added ? splitting(normalizer, added, plain) : plain;
  const [prefix, suffix] = specialTokens(model, where);
  const room = length - prefix.length - suffix.length;
  if (!Number.isInteger(length) || room < 1) {
    throw new CacheQuantError('invalid-argument', 'there is no room for a prompt', {
      where: `${where}, model_max_length`,
      expected: `a whole number from ${prefix.length + suffix.length + 1}`,
      got: String(length),
    });
  }

  const unknownId = unknownToken(definition, config, model);
  const isUnknown = (word: string): boolean => {
    const ids = content(word);
    const letters = [...word].length;
    return (
      (unknownId !== undefined && ids.includes(unknownId)) ||
      (letters >= LEAST_LETTERS && ids.length * SPELLED_LETTERS > letters)
    );
  };

  const window: Tokenizer['window'] = (ids) => {
    const used = [...prefix, ...ids, ...suffix];
    const padding = new Array<number>(length - used.length);
    return {
      ids: [...used, ...padding.fill(padId)],
      attentionMask: [...used.map(() => 1), ...padding.fill(0)],
    };
  };

  return {
    length,
    room,
    leading: prefix.length,
    tokens: content,
    window,
    unknownWords(prompt) {
      const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
      return [...new Set(words)].filter(isUnknown);
    },
    encode(prompt) {
      const ids = content(prompt);
      return {
        ...window(ids.slice(0, room)),
        droppedWords: ids.length > room ? wordsBeyond(prompt, room, content) : [],
      };
    },
  };
}

/** Added tokens are found by ourselves: the library takes no heed of single words, nor of what is not normalized. */
function splitting(
  normalizer: TokenizerModel['normalizer'],
  added: readonly AddedToken[],
  plain: (text: string) => number[],
): (text: string) => number[] {
  const normalize = (text: string) => normalizer?.normalize(text) ?? text;
  const raw = added.filter(({ normalized }) => !normalized);
  const normalized = added
    .filter((token) => token.normalized)
    .map((token) => ({ ...token, content: normalize(token.content) }));
  const whole = wordsOfSeveralTokens(added);
  const idsOf = (id: number) => whole.get(id) ?? [id];
  const inNormalized = (text: string): number[] =>
    splitAtTokens(normalize(text), normalized).flatMap((piece) =>
      typeof piece === 'number' ? idsOf(piece) : plain(piece),
    );
  return (text) =>
    splitAtTokens(text, raw).flatMap((piece) =>
      typeof piece === 'number' ? idsOf(piece) : inNormalized(piece),
    );
}

/**
 * Words that textual inversion gave several vectors: `<toy>` is read as `<toy>`, `<toy>_1`, `<toy>_2`, as far as there are.
 *
 * Source: `maybe_convert_prompt` of diffusers' TextualInversionLoaderMixin.
 */
function wordsOfSeveralTokens(added: readonly AddedToken[]): ReadonlyMap<number, readonly number[]> {
  const idOf = new Map(added.map(({ content, id }) => [content, id]));
  const whole = new Map<number, readonly number[]>();
  for (const { content, id } of added) {
    const ids = [id];
    for (
      let next = idOf.get(`${content}_1`);
      next !== undefined;
      next = idOf.get(`${content}_${ids.length}`)
    ) {
      ids.push(next);
    }
    if (ids.length > 1) whole.set(id, ids);
  }
  return whole;
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

/** The unknown token's id, where that is one of its own: CLIP's is its end token, and bytes leave nothing unknown. */
function unknownToken(definition: object, config: object, model: TokenizerModel): number | undefined {
  const { unk_token: unknown } = (definition as { model?: { unk_token?: unknown } }).model ?? {};
  const { eos_token: end } = config as { eos_token?: unknown };
  return typeof unknown === 'string' && unknown !== end && unknown !== '<|endoftext|>'
    ? model.token_to_id(unknown)
    : undefined;
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
export function wordsBeyond(
  prompt: string,
  room: number,
  content: (text: string) => readonly number[],
): string[] {
  const words = prompt.trim().split(/\s+/);
  const first = words.findIndex((_, i) => content(words.slice(0, i + 1).join(' ')).length > room);
  return words.slice(first);
}
