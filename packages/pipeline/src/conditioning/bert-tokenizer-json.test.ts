import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { readTokenizer } from './read-tokenizer.js';

/** What transformers makes of the prompts (`__fixtures__/make-bert-cases.py`). */
const cases = JSON.parse(
  readFileSync(new URL('./__fixtures__/bert-cases.json', import.meta.url), 'utf8'),
) as { prompt: string; ids: number[] }[];

describe('readTokenizer of a vocab.txt', () => {
  it.each(cases)('gives the ids of transformers: $prompt', async ({ prompt, ids }) => {
    const tokenizer = await readTokenizer(modelStorage('tiny/ldm-text'), 'tokenizer', 77);
    expect(tokenizer.encode(prompt).ids).toEqual(ids);
  });

  it('pads with [PAD] where the folder does not say', async () => {
    const storage = await modelCopy('tiny/ldm-text', { 'tokenizer/tokenizer_config.json': undefined });
    const { ids } = (await readTokenizer(storage, 'tokenizer', 77)).encode('a red shoe');
    expect(ids).toEqual(cases[0]!.ids);
  });

  it('refuses a vocabulary of another form', async () => {
    const storage = await modelCopy('tiny/ldm-text', { 'tokenizer/vocab.txt': '[UNK]\n[CLS]\na\n' });
    await expect(readTokenizer(storage, 'tokenizer', 77)).rejects.toThrow(
      /tokenizer\/vocab.txt: the vocabulary has no \[SEP\]/,
    );
  });
});
