import { basename, dirname } from 'node:path';
import {
  addTokens,
  openTextualInversion,
  openWeightFile,
  openWeights,
  type TextualInversion,
  tokenCount,
  type WeightSource,
} from '@cachequant/checkpoint';
import type { VirtualFile } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, openSource, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { findWeightFile } from './find-weight-file.js';
import type { SourceContext } from './source-context.js';
import type { NamedEmbedding } from './source-options.js';

type Encoder = 'text_encoder' | 'text_encoder_2';

const TOKENIZERS: Readonly<Record<Encoder, string>> = {
  text_encoder: 'tokenizer',
  text_encoder_2: 'tokenizer_2',
};

/** Words that textual inversion taught, for one model or another. */
export interface OpenedEmbeddings {
  readonly origin: readonly { readonly name: string; readonly strength: number }[];
  /** Differs when the files or their words do. */
  readonly description: string;
  readonly inversions: readonly NamedInversion[];
}

interface NamedInversion extends TextualInversion {
  readonly file: string;
}

/**
 * Opens textual inversions: files, or ids of the Hub with one file of weights. The word of a file that has none is the
 * file's name.
 * @throws CacheQuantError `storage` for a file that is not there, and as `openTextualInversion` does
 */
export async function openEmbeddings(
  embeddings: readonly NamedEmbedding[],
  context: SourceContext,
): Promise<OpenedEmbeddings> {
  const inversions: NamedInversion[] = [];
  const described: { name: string; tokens: readonly string[]; sha256: string }[] = [];
  for (const { file, word } of embeddings) {
    const path = await findWeightFile(file, {
      ...context,
      option: '--embedding',
      holds: 'a textual inversion',
    });
    const storage = nodeStorage(dirname(path));
    const weights = await openWeightFile(await openSource(storage, basename(path)));
    const inversion = await openWith(weights, word, basename(path).replace(/\.[^.]+$/, ''));
    inversions.push({ ...inversion, file });
    const sha256 = await storage.hash!(basename(path));
    described.push({ name: basename(path), tokens: inversion.tokens, sha256 });
  }
  return {
    origin: described.map(({ name }) => ({ name, strength: 1 })),
    description: `${JSON.stringify(described, null, 2)}\n`,
    inversions,
  };
}

async function openWith(
  weights: WeightSource,
  word: string | undefined,
  otherwise: string,
): Promise<TextualInversion> {
  if (word !== undefined) return openTextualInversion(weights, { word });
  try {
    return await openTextualInversion(weights);
  } catch (error) {
    if (!CacheQuantError.is(error) || error.code !== 'invalid-argument') throw error;
    return openTextualInversion(weights, { word: otherwise });
  }
}

/**
 * The weights of text encoders with the new words, which get the numbers behind those that are there.
 * @throws CacheQuantError `invalid-argument` for an inversion of another number of text encoders than the model has,
 * `shape` for one of another width
 */
export function withEmbeddings(
  weights: ReadonlyMap<string, WeightSource>,
  { inversions }: OpenedEmbeddings,
): ReadonlyMap<string, WeightSource> {
  const result = new Map(weights);
  for (const { file, vectors } of inversions) {
    requireEncoders(file, vectors, weights);
    for (const [encoder, values] of vectors) result.set(encoder, addTokens(result.get(encoder)!, values));
  }
  return result;
}

function requireEncoders(
  file: string,
  vectors: TextualInversion['vectors'],
  weights: ReadonlyMap<string, WeightSource>,
): void {
  const has = (Object.keys(TOKENIZERS) as Encoder[]).filter((encoder) => weights.has(encoder));
  if (has.length === vectors.size && has.every((encoder) => vectors.has(encoder))) return;
  throw new CacheQuantError('invalid-argument', 'the embedding was trained for another kind of model', {
    where: `--embedding ${file}`,
    expected: `vectors for ${has.join(' and ') || 'no text encoder in safetensors'}`,
    got: [...vectors.keys()].join(' and '),
  });
}

/** The configuration of a part whose weights have more tokens. */
export function withVocabulary(
  part: string,
  config: Readonly<Record<string, unknown>>,
  { inversions }: OpenedEmbeddings,
): Readonly<Record<string, unknown>> {
  const count = inversions.reduce((sum, { tokens }) => sum + tokens.length, 0);
  if (!(part in TOKENIZERS) || typeof config.vocab_size !== 'number') return config;
  return { ...config, vocab_size: config.vocab_size + count };
}

/** The text encoders of a folder of safetensors, by their folders. */
export async function textEncodersOf(storage: Storage): Promise<ReadonlyMap<string, WeightSource>> {
  const encoders = new Map<string, WeightSource>();
  for (const encoder of Object.keys(TOKENIZERS)) {
    if (!(await storage.list(encoder)).some((file) => file.endsWith('.safetensors'))) continue;
    encoders.set(encoder, await openWeights(storage, encoder));
  }
  return encoders;
}

/**
 * Tokenizers that know the new words.
 * @param storage that has the tokenizers without them
 * @param encoders the text encoders without them, by their folders
 * @throws CacheQuantError `invalid-argument` for a word that the tokenizer has already
 */
export async function embeddingTokenizers(
  storage: Storage,
  encoders: ReadonlyMap<string, WeightSource>,
  { inversions }: OpenedEmbeddings,
): Promise<Map<string, VirtualFile>> {
  const files = new Map<string, VirtualFile>();
  const words = inversions.flatMap(({ tokens }) => tokens);
  if (words.length === 0) return files;
  for (const [encoder, tokenizer] of Object.entries(TOKENIZERS)) {
    const weights = encoders.get(encoder);
    if (weights === undefined) continue;
    const first = tokenCount(weights);
    const added = words.map((content, i) => ({ ...PLAIN, content, id: first + i }));
    const [path, text] = await withTokens(storage, tokenizer, added);
    files.set(path, { make: async () => new TextEncoder().encode(text) });
  }
  return files;
}

/** As transformers adds a word that is not special. */
const PLAIN = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };

type Added = typeof PLAIN & { readonly content: string; readonly id: number };

const wholeSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ content: z.string() })).default([]),
});
const configSchema = z.looseObject({
  added_tokens_decoder: z.record(z.string(), z.looseObject({ content: z.string() })).default({}),
});

/** The file that lists added tokens, with more of them. */
async function withTokens(
  storage: Storage,
  folder: string,
  added: readonly Added[],
): Promise<[path: string, text: string]> {
  const whole = `${folder}/tokenizer.json`;
  if (await storage.stat(whole)) {
    const definition = wholeSchema.parse(parseJson(await readText(storage, whole), whole));
    requireNew(definition.added_tokens, added);
    return [whole, JSON.stringify({ ...definition, added_tokens: [...definition.added_tokens, ...added] })];
  }
  const path = `${folder}/tokenizer_config.json`;
  const there = (await storage.stat(path)) ? parseJson(await readText(storage, path), path) : {};
  const config = configSchema.parse(there);
  requireNew(Object.values(config.added_tokens_decoder), added);
  const more = Object.fromEntries(added.map(({ id, ...token }) => [id, token]));
  const decoder = { ...config.added_tokens_decoder, ...more };
  return [path, JSON.stringify({ ...config, added_tokens_decoder: decoder })];
}

function requireNew(known: readonly { readonly content: string }[], added: readonly Added[]): void {
  const contents = known.map(({ content }) => content);
  const twice = added.find(
    ({ content }, i) =>
      contents.includes(content) || added.findIndex((other) => other.content === content) < i,
  );
  if (twice === undefined) return;
  throw new CacheQuantError('invalid-argument', 'the tokenizer has this word already', {
    where: '--embedding',
    got: twice.content,
    hint: 'Give it another one: --embedding file.safetensors:word',
  });
}
