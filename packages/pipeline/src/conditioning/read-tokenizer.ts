import { CacheQuantError, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { type TokenizerConfig, tokenizerConfigSchema } from '../model/component-configs.js';
import { readJson, readOptionalJson } from '../model/read-json.js';
import { addedTokenSchema, addedTokens } from './added-tokens.js';
import { bertTokenizerJson } from './bert-tokenizer-json.js';
import { clipTokenizerJson, parseMerges } from './clip-tokenizer-json.js';
import { createTokenizer, type Tokenizer } from './tokenizer.js';

const CLIP_START = '<|startoftext|>';
const CLIP_END = '<|endoftext|>';
const CLIP_LENGTH = 77;
const BERT_PADDING = '[PAD]';

const vocabSchema = z.record(z.string(), z.number().int().nonnegative());

/**
 * Reads a tokenizer from `tokenizer.json`, from `vocab.json` and `merges.txt` as CLIP's, or from `vocab.txt` as BERT's.
 * @param folder in the storage, without a slash at its end
 * @param maxLength of the text encoder, for a tokenizer that does not say its own
 * @param fixedLength of all prompts, whatever tokenizer and text encoder say
 * @throws CacheQuantError `storage` when files are missing, `invalid-argument` when they are not what they
 * should be
 */
export async function readTokenizer(
  storage: Storage,
  folder: string,
  maxLength?: number,
  fixedLength?: number,
): Promise<Tokenizer> {
  const config = await readConfig(storage, folder);
  const ownLength = config.model_max_length ?? Number.POSITIVE_INFINITY;
  const { definition, own, added } = await readAdded(storage, folder, config);
  const padToken = config.pad_token ?? config.eos_token ?? (isBert(definition) ? BERT_PADDING : CLIP_END);
  return createTokenizer(definition, {
    // Python writes 10^30 for a tokenizer without a limit.
    length: fixedLength ?? Math.min(ownLength, maxLength ?? (ownLength > 1e6 ? CLIP_LENGTH : ownLength)),
    padToken,
    config: own,
    added,
    where: `${folder}/`,
  });
}

/** The definition; where its text can be split at added tokens beforehand, without these, which come apart. */
async function readAdded(storage: Storage, folder: string, config: TokenizerConfig) {
  const definition = await readDefinition(storage, folder, config);
  const kind = splittable.safeParse(definition);
  if (!kind.success || prefixesTheFirst(definition)) return { definition, own: config, added: undefined };
  const raw = await readRawConfig(storage, folder);
  const isWhole = (await storage.stat(`${folder}/tokenizer.json`)) !== undefined;
  const { added_tokens: listed, model } = kind.data;
  const { added_tokens_decoder: _, ...own } = config;
  return {
    definition: { ...definition, added_tokens: [] },
    own,
    added: addedTokens(isWhole ? listed : undefined, raw, vocabOf(model.vocab)),
  };
}

const scored = z.array(z.tuple([z.string(), z.number()]));

/** CLIP's, T5's and BERT's kind: what splits the text before them changes nothing else. */
const splittable = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  model: z.union([
    z.looseObject({ type: z.literal('BPE'), end_of_word_suffix: z.literal('</w>'), vocab: vocabSchema }),
    z.looseObject({ type: z.literal('WordPiece'), vocab: vocabSchema }),
    z.looseObject({ type: z.literal('Unigram'), vocab: scored }),
  ]),
});

function sentencePieceAlone(folder: string): CacheQuantError {
  return new CacheQuantError('unsupported', "SentencePiece's own file is not read", {
    where: `${folder}/spiece.model`,
    expected: 'tokenizer.json beside it',
    hint: `Make it with transformers, once: AutoTokenizer.from_pretrained('<model>', subfolder='${folder}').save_pretrained('${folder}')`,
  });
}

function isBert(definition: object): boolean {
  return (definition as { model?: { type?: unknown } }).model?.type === 'WordPiece';
}

function vocabOf(vocab: z.output<typeof vocabSchema> | z.output<typeof scored>): Record<string, number> {
  return Array.isArray(vocab) ? Object.fromEntries(vocab.map(([token], id) => [token, id])) : vocab;
}

/** Whether the start of the text is told from the start of a piece of it, as it is by some kinds of SentencePiece. */
function prefixesTheFirst(definition: object): boolean {
  return /"prepend_scheme":"first"|"type":"Prepend"/.test(
    JSON.stringify({ ...definition, model: undefined, added_tokens: undefined }),
  );
}

async function readRawConfig(storage: Storage, folder: string): Promise<Record<string, unknown>> {
  const raw = z.record(z.string(), z.unknown());
  const special = await readOptionalJson(storage, `${folder}/special_tokens_map.json`, raw);
  return { ...special, ...(await readOptionalJson(storage, `${folder}/tokenizer_config.json`, raw)) };
}

async function readConfig(storage: Storage, folder: string): Promise<TokenizerConfig> {
  const special = await readOptionalJson(storage, `${folder}/special_tokens_map.json`, tokenizerConfigSchema);
  const config = await readOptionalJson(storage, `${folder}/tokenizer_config.json`, tokenizerConfigSchema);
  return { ...special, ...config };
}

async function readDefinition(storage: Storage, folder: string, config: TokenizerConfig): Promise<object> {
  const whole = await readOptionalJson(
    storage,
    `${folder}/tokenizer.json`,
    z.looseObject({ model: z.looseObject({}) }),
  );
  if (whole !== undefined) return whole;
  if ((await storage.stat(`${folder}/vocab.txt`)) !== undefined) {
    const raw = await readRawConfig(storage, folder);
    return bertTokenizerJson(await readText(storage, `${folder}/vocab.txt`), raw, `${folder}/vocab.txt`);
  }
  const mergesPath = `${folder}/merges.txt`;
  if ((await storage.stat(mergesPath)) === undefined) {
    if ((await storage.stat(`${folder}/spiece.model`)) !== undefined) throw sentencePieceAlone(folder);
    throw new CacheQuantError('storage', 'the tokenizer is missing', {
      where: `${folder}/`,
      expected: 'tokenizer.json, vocab.json and merges.txt, or vocab.txt',
    });
  }
  const vocab = await readJson(storage, `${folder}/vocab.json`, vocabSchema);
  const startToken = config.bos_token ?? CLIP_START;
  const endToken = config.eos_token ?? CLIP_END;
  const missing = [startToken, endToken].filter((token) => vocab[token] === undefined);
  if (missing.length > 0) {
    throw new CacheQuantError('unsupported', `the vocabulary has no ${missing.join(' and no ')}`, {
      where: `${folder}/vocab.json`,
      expected: "a vocabulary of CLIP's form",
      hint: 'Save the tokenizer as tokenizer.json with transformers (use_fast=True)',
    });
  }
  const merges = parseMerges(await readText(storage, mergesPath));
  return clipTokenizerJson({
    vocab,
    merges,
    startToken,
    endToken,
    unknownToken: config.unk_token ?? endToken,
  });
}
