import { z } from 'zod';

const flag = z.boolean().default(false);

/** A token that is found in the text as a whole, before anything splits it; fields as in `tokenizer.json`. */
export const addedTokenSchema = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string().min(1),
  /** Found in the normalized text, its own content normalized; else in the text as it was given. */
  normalized: flag,
  single_word: flag,
  /** Takes in the whitespace before it. */
  lstrip: flag,
  /** Takes in the whitespace behind it. */
  rstrip: flag,
});
export type AddedToken = z.output<typeof addedTokenSchema>;

/** In the order in which transformers registers them; a later one of the same text holds. */
const SPECIAL = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * The added tokens of a folder: those that `tokenizer.json` lists, or else `added_tokens_decoder` of
 * `tokenizer_config.json`; and the special tokens, which transformers adds in any case, padding too.
 * @param config as it lies in the file, with special tokens as text or as objects
 */
export function addedTokens(
  listed: readonly AddedToken[] | undefined,
  config: Readonly<Record<string, unknown>>,
  vocab: Readonly<Record<string, number>>,
): AddedToken[] {
  const decoder = Object.entries((config.added_tokens_decoder ?? {}) as Record<string, object>);
  const known = listed ?? decoder.map(([id, token]) => addedTokenSchema.parse({ ...token, id: Number(id) }));
  const contents = new Set(known.map(({ content }) => content));
  const special = new Map<string, AddedToken>();
  for (const name of SPECIAL) {
    const token = config[name];
    const fields = typeof token === 'string' ? { content: token } : token;
    const { content } = (fields ?? {}) as { content?: string };
    if (content === undefined || contents.has(content) || vocab[content] === undefined) continue;
    special.set(content, addedTokenSchema.parse({ ...(fields as object), id: vocab[content] }));
  }
  return [...known, ...special.values()];
}

const WORD_BEFORE = /[\p{L}\p{N}\p{M}\p{Pc}]$/u;
const WORD_AFTER = /^[\p{L}\p{N}\p{M}\p{Pc}]/u;

/**
 * Takes a text apart at tokens: the leftmost first, and the longest of those that begin there.
 *
 * Source: huggingface/tokenizers, `AddedVocabulary::find_matches`.
 * @returns pieces of text, and ids of the tokens between them
 */
export function splitAtTokens(text: string, tokens: readonly AddedToken[]): (string | number)[] {
  if (tokens.length === 0) return [text];
  const byContent = new Map(tokens.map((token) => [token.content, token]));
  const longestFirst = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escaped).join('|'), 'gu');
  const pieces: (string | number)[] = [];
  let done = 0;
  for (const match of text.matchAll(pattern)) {
    const token = byContent.get(match[0])!;
    let [start, end] = [match.index, match.index + match[0].length];
    if (start < done) continue;
    const isInWord = WORD_BEFORE.test(text.slice(0, start)) || WORD_AFTER.test(text.slice(end));
    if (token.single_word && isInWord) continue;
    if (token.lstrip) start = Math.max(done, text.slice(0, start).trimEnd().length);
    if (token.rstrip) end = text.length - text.slice(end).trimStart().length;
    pieces.push(text.slice(done, start), token.id);
    done = end;
  }
  pieces.push(text.slice(done));
  return pieces.filter((piece) => piece !== '');
}

function escaped(content: string): string {
  return content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
