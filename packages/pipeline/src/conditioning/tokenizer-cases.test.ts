import { readFileSync } from 'node:fs';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { parseMerges } from './clip-tokenizer-json.js';
import { readTokenizer } from './read-tokenizer.js';

interface Case {
  readonly name: string;
  readonly config: object;
  /** Of a folder with tokenizer.json, without its vocabulary, which is that of the other files. */
  readonly definition?: { readonly model: object };
  readonly ids: readonly (readonly number[])[];
}

const fixture = (path: string) => readFileSync(new URL(`__fixtures__/${path}`, import.meta.url), 'utf8');
const { prompts, cases } = JSON.parse(fixture('tokenizer-cases.json')) as {
  readonly prompts: readonly string[];
  readonly cases: readonly Case[];
};

async function tokenizerOf({ config, definition }: Case) {
  const storage = memoryStorage();
  const [vocab, merges] = [fixture('clip-tokenizer/vocab.json'), fixture('clip-tokenizer/merges.txt')];
  await writeFile(storage, 'tokenizer/tokenizer_config.json', JSON.stringify(config));
  if (definition) {
    const model = { ...definition.model, vocab: JSON.parse(vocab), merges: parseMerges(merges) };
    await writeFile(storage, 'tokenizer/tokenizer.json', JSON.stringify({ ...definition, model }));
  } else {
    await writeFile(storage, 'tokenizer/vocab.json', vocab);
    await writeFile(storage, 'tokenizer/merges.txt', merges);
  }
  return readTokenizer(storage, 'tokenizer');
}

describe('readTokenizer gives the ids that transformers gives', () => {
  it.each(cases.map((each) => [each.name, each] as const))('for hard prompts: %s', async (_, each) => {
    const tokenizer = await tokenizerOf(each);
    const wrong = prompts.flatMap((prompt, i) => {
      const { ids } = tokenizer.encode(prompt);
      return ids.join() === each.ids[i]!.join()
        ? []
        : [{ prompt, got: ids.join(), expected: each.ids[i]!.join() }];
    });
    expect(wrong).toEqual([]);
  });
});
