import { basename, dirname, join, resolve } from 'node:path';
import type { Family } from '@cachequant/checkpoint';
import { HubError } from '@cachequant/hub';
import type { VirtualFile } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { readConfig } from './component-config.js';
import { fetchModel } from './hub-model.js';
import type { SourceContext } from './source-context.js';

/** The vocabulary of all these models, in the repository that Python takes it from as well. */
const CLIP = 'openai/clip-vit-large-patch14';
const CLIP_FILES = ['vocab.json', 'merges.txt'];
const CLIP_TOKENS = 49408;

/** Which tokenizers a single file is given. */
export interface TokenizerRequest extends SourceContext {
  readonly family: Family;
  /** Rows of each text encoder's token embedding. */
  readonly tokens: ReadonlyMap<string, number>;
  /** A folder, absolute; left out: that of the configurations, or else CLIP's vocabulary, from the Hub or its cache. */
  readonly tokenizer: string | undefined;
  readonly config: string | undefined;
}

/** By the text encoders that they are for. */
const TOKENIZERS: Readonly<Record<string, string>> = {
  text_encoder: 'tokenizer',
  text_encoder_2: 'tokenizer_2',
};

/**
 * The files of the tokenizers that a single file goes with, one for each text encoder.
 * @throws CacheQuantError `invalid-argument` for one with another number of tokens than its text encoder has, or
 * where the vocabulary is not CLIP's and none was given; `hub` where it cannot be fetched
 */
export async function tokenizerFiles(request: TokenizerRequest): Promise<ReadonlyMap<string, VirtualFile>> {
  const files = new Map<string, VirtualFile>();
  for (const [encoder, tokens] of request.tokens) {
    const name = TOKENIZERS[encoder]!;
    const found = await findFolder(name, request);
    const made = found
      ? await filesOfFolder(found, name, tokens, request)
      : await filesOfClip(name, tokens, request);
    for (const [path, file] of made) files.set(path, file);
  }
  return files;
}

interface FoundFolder {
  readonly path: string;
  /** Whether it is that of the first text encoder, and stands in for the second one's. */
  readonly stands: boolean;
}

/** A pipeline's folder has one for each text encoder; they lie side by side. */
async function findFolder(
  name: string,
  { tokenizer, config }: TokenizerRequest,
): Promise<FoundFolder | undefined> {
  const holds = async (path: string) => (await nodeStorage(path).list()).some((file) => !file.includes('/'));
  if (tokenizer === undefined) {
    if (config === undefined) return undefined;
    for (const path of [join(config, name), join(config, 'tokenizer')]) {
      if (await holds(path)) return { path, stands: basename(path) !== name };
    }
    return undefined;
  }
  const beside = basename(tokenizer) === 'tokenizer' ? [join(dirname(tokenizer), name)] : [];
  const inside = [join(tokenizer, name), join(tokenizer, 'tokenizer')];
  for (const path of [...inside, ...beside]) {
    if (await holds(path)) return { path, stands: basename(path) !== name };
  }
  return { path: tokenizer, stands: name !== 'tokenizer' && basename(tokenizer) !== name };
}

async function filesOfFolder(
  { path, stands }: FoundFolder,
  name: string,
  tokens: number,
  { family }: TokenizerRequest,
): Promise<Map<string, VirtualFile>> {
  const storage = nodeStorage(path);
  const count = await countTokens(storage, path);
  if (count !== tokens) differentVocabulary(path, count, tokens);
  const files = filesOf(name, storage, await storage.list());
  if (!stands) return files;
  const config = await readConfig(storage, CONFIG);
  files.delete(`${name}/special_tokens_map.json`);
  files.set(`${name}/${CONFIG}`, json({ ...config, pad_token: padTokenOf(name, family) }));
  return files;
}

const CONFIG = 'tokenizer_config.json';

async function filesOfClip(
  name: string,
  tokens: number,
  request: TokenizerRequest,
): Promise<Map<string, VirtualFile>> {
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
  const files = filesOf(name, nodeStorage(await fetchClip(request)), CLIP_FILES);
  files.set(
    `${name}/${CONFIG}`,
    json({
      model_max_length: 77,
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
      pad_token: padTokenOf(name, request.family),
    }),
  );
  return files;
}

/** OpenCLIP pads with token 0: the text encoder of Stable Diffusion 2.x, and the second one of SDXL. */
function padTokenOf(name: string, family: Family): string {
  return family === 'sd2' || name === 'tokenizer_2' ? '!' : '<|endoftext|>';
}

function json(value: unknown): VirtualFile {
  return { make: async () => new TextEncoder().encode(JSON.stringify(value)) };
}

function filesOf(folder: string, storage: Storage, names: readonly string[]): Map<string, VirtualFile> {
  return new Map(names.map((name) => [`${folder}/${name}`, { make: () => storage.read(name) }]));
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
