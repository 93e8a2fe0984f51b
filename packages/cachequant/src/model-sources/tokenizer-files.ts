import { join, resolve } from 'node:path';
import type { Family } from '@cachequant/checkpoint';
import { HubError } from '@cachequant/hub';
import type { VirtualFile } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { fetchModel } from './hub-model.js';
import type { SourceContext } from './source-context.js';

/** The vocabulary of all these models, in the repository that Python takes it from as well. */
const CLIP = 'openai/clip-vit-large-patch14';
const CLIP_FILES = ['vocab.json', 'merges.txt'];
const CLIP_TOKENS = 49408;

/** Which tokenizer a single file is given. */
export interface TokenizerRequest extends SourceContext {
  readonly family: Family;
  /** Rows of the text encoder's token embedding. */
  readonly tokens: number;
  /** A folder, absolute; left out: CLIP's vocabulary, from the Hub or its cache. */
  readonly tokenizer: string | undefined;
}

/**
 * The files of the tokenizer that a single file goes with.
 * @throws CacheQuantError `invalid-argument` for one with another number of tokens than the text encoder has, or
 * where the vocabulary is not CLIP's and none was given; `hub` where it cannot be fetched
 */
export async function tokenizerFiles(request: TokenizerRequest): Promise<ReadonlyMap<string, VirtualFile>> {
  const { tokenizer, tokens } = request;
  if (tokenizer !== undefined) {
    const storage = nodeStorage(tokenizer);
    const count = await countTokens(storage, tokenizer);
    if (count !== tokens) differentVocabulary(tokenizer, count, tokens);
    return filesOf(storage, await storage.list());
  }
  if (tokens !== CLIP_TOKENS) {
    throw new CacheQuantError(
      'invalid-argument',
      'the file holds no tokenizer, and its text encoder is not as usual',
      {
        where: 'text encoder',
        expected: `${CLIP_TOKENS} tokens, CLIP's`,
        got: `${tokens}`,
        hint: 'Give the folder of its tokenizer with --tokenizer',
      },
    );
  }
  const folder = await fetchClip(request);
  const config = {
    model_max_length: 77,
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    unk_token: '<|endoftext|>',
    // Stable Diffusion 2.x was trained with OpenCLIP's padding, token 0.
    pad_token: request.family === 'sd2' ? '!' : '<|endoftext|>',
  };
  const written = { make: async () => new TextEncoder().encode(JSON.stringify(config)) };
  return new Map([...filesOf(nodeStorage(folder), CLIP_FILES), ['tokenizer/tokenizer_config.json', written]]);
}

function filesOf(storage: Storage, names: readonly string[]): Map<string, VirtualFile> {
  return new Map(names.map((name) => [`tokenizer/${name}`, { make: () => storage.read(name) }]));
}

async function fetchClip(context: SourceContext): Promise<string> {
  const { revision: _, ...ofTokenizer } = context;
  try {
    const { folder } = await fetchModel(CLIP, resolve(context.cwd, CLIP), {
      ...ofTokenizer,
      files: CLIP_FILES,
      quiet: true,
    });
    return folder;
  } catch (error) {
    if (error instanceof HubError) {
      context.onWarning?.(
        `a single file has no tokenizer, and that of ${CLIP} is not at hand: ` +
          'give the tokenizer folder of any Stable Diffusion model with --tokenizer',
      );
    }
    throw error;
  }
}

const vocabulary = z.record(z.string(), z.number());
const added = z.array(z.looseObject({ id: z.number() }));
const whole = z.looseObject({ model: z.looseObject({ vocab: vocabulary }), added_tokens: added.default([]) });

/** The number of tokens of a tokenizer's folder, as a text encoder's embedding has rows. */
async function countTokens(storage: Storage, folder: string): Promise<number> {
  const read = async (name: string) =>
    (await storage.stat(name)) && parseJson(await readText(storage, name), join(folder, name));
  const definition = whole.safeParse(await read('tokenizer.json')).data;
  const vocab = definition?.model.vocab ?? vocabulary.safeParse(await read('vocab.json')).data;
  if (vocab === undefined) {
    throw new CacheQuantError('storage', 'the folder holds no tokenizer of CLIP', {
      where: folder,
      expected: 'tokenizer.json, or vocab.json and merges.txt',
    });
  }
  const ids = [...Object.values(vocab), ...(definition?.added_tokens ?? []).map(({ id }) => id)];
  return ids.reduce((most, id) => Math.max(most, id), -1) + 1;
}

function differentVocabulary(where: string, got: number, expected: number): never {
  throw new CacheQuantError('invalid-argument', 'the tokenizer is of another model', {
    where,
    expected: `${expected} tokens, as the text encoder has`,
    got: `${got}`,
  });
}
