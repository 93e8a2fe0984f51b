import { readFileSync } from 'node:fs';
import { writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { readTokenizer } from './read-tokenizer.js';

interface Case {
  readonly name: string;
  readonly config: object;
  readonly definition: object;
  readonly ids: readonly (readonly number[])[];
}

const { prompts, cases } = JSON.parse(
  readFileSync(new URL('__fixtures__/tokenizer-json-cases.json', import.meta.url), 'utf8'),
) as { readonly prompts: readonly string[]; readonly cases: readonly Case[] };

async function tokenizerOf({ config, definition }: Case) {
  const storage = memoryStorage();
  await writeFile(storage, 'tokenizer/tokenizer_config.json', JSON.stringify(config));
  await writeFile(storage, 'tokenizer/tokenizer.json', JSON.stringify(definition));
  return readTokenizer(storage, 'tokenizer');
}

describe('readTokenizer gives the ids that transformers gives', () => {
  it.each(cases.map((each) => [each.name, each] as const))('for hard prompts: %s', async (_, each) => {
    const tokenizer = await tokenizerOf(each);
    const wrong = prompts.flatMap((prompt, i) => {
      const { ids } = tokenizer.encode(prompt);
      const expected = each.ids[i]!.join();
      return ids.join() === expected ? [] : [{ prompt, got: ids.join(), expected }];
    });
    expect(wrong).toEqual([]);
  });
});
