import { describe, expect, it } from 'vitest';
import { fakeSession, floats, input } from '../__fixtures__/fake-session.js';
import { PromptEncoder } from './prompt-encoder.js';
import type { Tokenizer } from './tokenizer.js';

/** One token for a text: its length; behind it the end, which is padding too. */
const oneToken: Tokenizer = {
  length: 3,
  room: 1,
  leading: 1,
  tokens: (text) => [text.length],
  window: ([id]) => ({ ids: [0, id!, 1], attentionMask: [1, 1, 0] }),
  encode: (prompt) => ({ ids: [0, prompt.length, 1], attentionMask: [1, 1, 0], droppedWords: [] }),
  unknownWords: () => [],
};

/** A token for each word, its length, in windows of three between 0 and 99. */
const words: Tokenizer = {
  length: 5,
  room: 3,
  leading: 1,
  tokens: (text) => (text.match(/\S+/g) ?? []).map((word) => word.length),
  window: (ids) => ({
    ids: [0, ...ids, 99, 99, 99, 99].slice(0, 5),
    attentionMask: [1, ...ids.map(() => 1), 1, 0, 0, 0].slice(0, 5),
  }),
  encode: () => ({ ids: [], attentionMask: [], droppedWords: [] }),
  unknownWords: () => [],
};

/** Hidden states of two numbers: the token, and its place. */
function placeSession() {
  return fakeSession(
    [input('input_ids', 'int32', ['B', 'S'])],
    ['last_hidden_state', 'pooled'],
    ({ input_ids }) => {
      const ids = [...(input_ids as { data: Int32Array }).data];
      return {
        last_hidden_state: floats([1, ids.length, 2], ...ids.flatMap((id, at) => [id, at])),
        pooled: floats([1, 1], ids[1]!),
      };
    },
  );
}

function encoderSession(dtype: 'int32' | 'int64') {
  const hidden = floats([1, 3, 1], 1, 2, 3);
  return fakeSession([input('input_ids', dtype, ['B', 'S'])], ['pooler_output', 'last_hidden_state'], () => ({
    last_hidden_state: hidden,
    pooler_output: hidden,
  }));
}

describe('PromptEncoder.encode(prompt)', () => {
  it('feeds ids in the type that the graph declares, and takes the last hidden state', async () => {
    const session = encoderSession('int64');
    const { hiddenStates } = await new PromptEncoder(session, oneToken).encode('shoe');
    expect(session.runs[0]).toEqual({
      input_ids: { dtype: 'int64', dims: [1, 3], data: BigInt64Array.of(0n, 4n, 1n) },
    });
    expect(hiddenStates).toEqual(floats([1, 3, 1], 1, 2, 3));

    const narrow = encoderSession('int32');
    await new PromptEncoder(narrow, oneToken).encode('shoe');
    expect(narrow.runs[0]).toEqual({
      input_ids: { dtype: 'int32', dims: [1, 3], data: Int32Array.of(0, 4, 1) },
    });
  });

  it('runs once for each prompt', async () => {
    const session = encoderSession('int64');
    const encoder = new PromptEncoder(session, oneToken);
    const first = await encoder.encode('shoe');
    await encoder.encode('');
    expect(await encoder.encode('shoe')).toBe(first);
    expect(session.runs).toHaveLength(2);
  });

  it('forgets the oldest prompts', async () => {
    const session = encoderSession('int64');
    const encoder = new PromptEncoder(session, oneToken);
    for (let i = 0; i <= 64; i++) await encoder.encode(`prompt ${i}`);
    await encoder.encode('prompt 64');
    await encoder.encode('prompt 0');
    expect(session.runs).toHaveLength(66);
  });

  it('feeds the attention mask to graphs that take it', async () => {
    const inputs = [input('input_ids', 'int64', ['B', 'S']), input('attention_mask', 'int64', ['B', 'S'])];
    const session = fakeSession(inputs, ['last_hidden_state'], () => ({
      last_hidden_state: floats([1, 1, 1], 0),
    }));
    await new PromptEncoder(session, oneToken).encode('shoe');
    expect(session.runs[0]!.attention_mask).toMatchObject({ data: BigInt64Array.of(1n, 1n, 0n) });
  });

  it('takes a long prompt in windows, one after another, each between special tokens', async () => {
    const session = placeSession();
    const outputs = { hiddenStates: 'last_hidden_state', pooled: 'pooled' };
    const encoder = new PromptEncoder(session, words, { outputs });
    expect(encoder.windowsFor('a bb ccc dddd')).toBe(2);
    const { hiddenStates, pooled, droppedWords } = await encoder.encode('a bb ccc dddd', undefined, 2);
    expect(hiddenStates).toEqual(
      floats([1, 10, 2], ...[0, 0, 1, 1, 2, 2, 3, 3, 99, 4], ...[0, 0, 4, 1, 99, 2, 99, 3, 99, 4]),
    );
    expect(pooled).toEqual(floats([1, 1], 1));
    expect(droppedWords).toEqual([]);
    const short = await encoder.encode('a bb ccc dddd eeeee');
    expect(short.hiddenStates.dims).toEqual([1, 5, 2]);
    expect(short.droppedWords).toEqual(['dddd', 'eeeee']);
  });

  it('fills windows that nothing is left for with an empty prompt', async () => {
    const { hiddenStates } = await new PromptEncoder(placeSession(), words).encode('a', undefined, 2);
    expect([...hiddenStates.data.subarray(10)]).toEqual([0, 0, 99, 1, 99, 2, 99, 3, 99, 4]);
  });

  it('moves weighted tokens away from the empty prompt, by their weight', async () => {
    const encoder = new PromptEncoder(placeSession(), words, { weighted: true });
    // Empty: 0, 99, 99, 99, 99. A token of 2 at the second place: 99 + 1.5 · (2 − 99) = −46.5.
    const { hiddenStates } = await encoder.encode('a (bb:1.5) (ccc:0)');
    expect([...hiddenStates.data].filter((_, i) => i % 2 === 0)).toEqual([0, 1, -46.5, 99, 99]);
    expect([...hiddenStates.data].filter((_, i) => i % 2 === 1)).toEqual([0, 1, 2, 3, 4]);
    const second = await encoder.encode('a b c (dddd:2)', undefined, 2);
    expect(second.hiddenStates.data[12]).toBe(99 + 2 * (4 - 99));
    expect([...second.hiddenStates.data.subarray(0, 8)]).toEqual([0, 0, 1, 1, 1, 2, 1, 3]);
  });

  it('reads brackets as text without weights, and gives what plain text gives at a weight of 1', async () => {
    const plain = new PromptEncoder(placeSession(), words);
    expect(plain.windowsFor('a (bb : 1.5) c')).toBe(2);
    const weighted = new PromptEncoder(placeSession(), words, { weighted: true });
    expect((await weighted.encode('a (bb:1) ccc')).hiddenStates).toEqual(
      (await plain.encode('a bb ccc')).hiddenStates,
    );
  });

  it('refuses a graph with other inputs', async () => {
    const session = fakeSession([input('pixel_values', 'float32', [])], ['last_hidden_state'], () => ({}));
    await expect(new PromptEncoder(session, oneToken).encode('')).rejects.toThrow('wants pixel_values');
  });
});
