import { readText, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { describe, expect, it } from 'vitest';
import { modelCopy, modelStorage } from '../__fixtures__/models.js';
import { readTokenizer } from './read-tokenizer.js';

const START = 0;
const END = 1;

interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

/** The tokenizer of fashion-sd as older exports write one. */
async function splitTokenizer(changes: Readonly<Record<string, string | undefined>> = {}): Promise<Storage> {
  const json = await readText(modelStorage('fashion-sd'), 'tokenizer/tokenizer.json');
  const { model } = JSON.parse(json) as TokenizerJson;
  const merges = model.merges.map((pair) => pair.join(' ')).join('\n');
  return modelCopy('fashion-sd', {
    'tokenizer/tokenizer.json': undefined,
    'tokenizer/vocab.json': JSON.stringify(model.vocab),
    'tokenizer/merges.txt': `#version: 0.2\n${merges}\n`,
    ...changes,
  });
}

const STRINGS = [
  '',
  ' ',
  'a photo of a red sneaker',
  'A Photo of a RED Sneaker!',
  "a dress, isn't it? they'll say: 'blue'…",
  'ankle-boot / t-shirt (100% cotton) #42 & more',
  'tabs\tand\n\nnew   lines',
  'naïve café, ÅNGSTRÖM, Straße, Ｆｕｌｌ',
  'cafe\u0301 e\u0301',
  '赤い靴 синий 🥿👟🏽',
  "'s 't 're 've 'm 'll 'd",
  'one<|endoftext|>two <|startoftext|>',
  'zzz qqq xyz 0123456789',
  '!!! ??? ...,,, --- ___',
  '\u200bzero width\u00a0space',
];

describe('readTokenizer', () => {
  it('frames the text with special tokens and pads with the padding token', async () => {
    const tokenizer = await readTokenizer(modelStorage('fashion-sd'), 'tokenizer', 16);
    const { ids, attentionMask, droppedWords } = tokenizer.encode('green handbag');
    expect(ids).toEqual([START, 322, 363, ...new Array(13).fill(END)]);
    expect(attentionMask).toEqual([1, 1, 1, 1, ...new Array(12).fill(0)]);
    expect(droppedWords).toEqual([]);
    expect(tokenizer.encode('').ids).toEqual([START, ...new Array(15).fill(END)]);
  });

  it.each(STRINGS)(
    'gives from vocab.json and merges.txt what it gives from tokenizer.json: %j',
    async (text) => {
      const whole = await readTokenizer(modelStorage('fashion-sd'), 'tokenizer', 16);
      const split = await readTokenizer(await splitTokenizer(), 'tokenizer', 16);
      expect(split.encode(text)).toEqual(whole.encode(text));
    },
  );

  it('cuts a prompt that is too long at its end and names the words that are dropped', async () => {
    const tokenizer = await readTokenizer(modelStorage('fashion-sd'), 'tokenizer', 16);
    const fits = `${'a '.repeat(14)}`;
    expect(tokenizer.encode(fits).droppedWords).toEqual([]);
    const { ids, droppedWords } = tokenizer.encode(`${fits} Red sneaker`);
    expect(ids).toEqual([START, ...new Array(14).fill(269), END]);
    expect(droppedWords).toEqual(['Red', 'sneaker']);
  });

  it('names a word whole when part of it is dropped', async () => {
    const tokenizer = await readTokenizer(modelStorage('fashion-sd'), 'tokenizer', 16);
    const { droppedWords } = tokenizer.encode(`${'a '.repeat(12)} hobbyhorse red`);
    expect(droppedWords).toEqual(['hobbyhorse', 'red']);
  });

  it('takes the padding token from the configuration, as text or as an object', async () => {
    const config = '{"model_max_length": 8, "pad_token": {"content": "!", "lstrip": false}}';
    const storage = await splitTokenizer({ 'tokenizer/tokenizer_config.json': config });
    const tokenizer = await readTokenizer(storage, 'tokenizer');
    expect(tokenizer.encode('green handbag').ids).toEqual([START, 322, 363, END, 2, 2, 2, 2]);
  });

  it('takes special tokens from special_tokens_map.json where the configuration does not say', async () => {
    const storage = await splitTokenizer({
      'tokenizer/tokenizer_config.json': undefined,
      'tokenizer/special_tokens_map.json': '{"pad_token": "#"}',
    });
    expect((await readTokenizer(storage, 'tokenizer', 5)).encode('green').ids).toEqual([
      START,
      322,
      END,
      4,
      4,
    ]);
  });

  it("takes the text encoder's length, or 77, where the tokenizer has no limit of its own", async () => {
    const config = '{"model_max_length": 1000000000000000019884624838656}';
    const storage = await splitTokenizer({ 'tokenizer/tokenizer_config.json': config });
    expect((await readTokenizer(storage, 'tokenizer', 16)).length).toBe(16);
    expect((await readTokenizer(storage, 'tokenizer')).length).toBe(77);
  });

  it.each([
    [{ 'tokenizer/vocab.json': undefined }, 'tokenizer/vocab.json: the file is missing'],
    [
      { 'tokenizer/merges.txt': undefined },
      'expected tokenizer.json, vocab.json and merges.txt, or vocab.txt',
    ],
    [{ 'tokenizer/vocab.json': '{"a": -1}' }, 'a is not valid'],
    [{ 'tokenizer/vocab.json': '{"a": 1}' }, 'the vocabulary has no <|startoftext|> and no <|endoftext|>'],
    [{ 'tokenizer/tokenizer_config.json': '{"pad_token": "no such token"}' }, 'got no such token'],
    [{ 'tokenizer/tokenizer.json': '{"model": {"type": "Mystery"}}' }, 'the tokenizer cannot be built'],
    [{ 'tokenizer/tokenizer.json': '{}' }, 'model is not valid'],
    [
      { 'tokenizer/tokenizer_config.json': '{"model_max_length": 2}' },
      'expected a whole number from 3, got 2',
    ],
    [{ 'tokenizer/tokenizer_config.json': '{"model_max_length": 7.5}' }, 'there is no room for a prompt'],
  ])('says what is wrong: %j', async (changes, message) => {
    const storage = await splitTokenizer(changes);
    await expect(readTokenizer(storage, 'tokenizer')).rejects.toThrow(message);
  });

  it('says that there is no tokenizer', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'tokenizer/readme.txt', '');
    await expect(readTokenizer(storage, 'tokenizer')).rejects.toMatchObject({ code: 'storage' });
  });
});

describe('readTokenizer of a folder with SentencePiece alone', () => {
  it('is refused, with what makes a tokenizer.json of it', async () => {
    const storage = memoryStorage();
    await writeFile(storage, 'tokenizer/spiece.model', 'pieces');
    await expect(readTokenizer(storage, 'tokenizer')).rejects.toMatchObject({
      code: 'unsupported',
      where: 'tokenizer/spiece.model',
      hint: expect.stringContaining('save_pretrained'),
    });
  });
});
