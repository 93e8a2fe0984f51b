import { describe, expect, it } from 'vitest';
import { fakeSession, floats, input } from '../__fixtures__/fake-session.js';
import { PromptEncoder } from './prompt-encoder.js';
import type { Tokenizer } from './tokenizer.js';

const tokenizer: Tokenizer = {
  length: 3,
  encode: (prompt) => ({ ids: [0, prompt.length, 1], attentionMask: [1, 1, 0], droppedWords: [] }),
  unknownWords: () => [],
};

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
    const { hiddenStates } = await new PromptEncoder(session, tokenizer).encode('shoe');
    expect(session.runs[0]).toEqual({
      input_ids: { dtype: 'int64', dims: [1, 3], data: BigInt64Array.of(0n, 4n, 1n) },
    });
    expect(hiddenStates).toEqual(floats([1, 3, 1], 1, 2, 3));

    const narrow = encoderSession('int32');
    await new PromptEncoder(narrow, tokenizer).encode('shoe');
    expect(narrow.runs[0]).toEqual({
      input_ids: { dtype: 'int32', dims: [1, 3], data: Int32Array.of(0, 4, 1) },
    });
  });

  it('runs once for each prompt', async () => {
    const session = encoderSession('int64');
    const encoder = new PromptEncoder(session, tokenizer);
    const first = await encoder.encode('shoe');
    await encoder.encode('');
    expect(await encoder.encode('shoe')).toBe(first);
    expect(session.runs).toHaveLength(2);
  });

  it('forgets the oldest prompts', async () => {
    const session = encoderSession('int64');
    const encoder = new PromptEncoder(session, tokenizer);
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
    await new PromptEncoder(session, tokenizer).encode('shoe');
    expect(session.runs[0]!.attention_mask).toMatchObject({ data: BigInt64Array.of(1n, 1n, 0n) });
  });

  it('refuses a graph with other inputs', async () => {
    const session = fakeSession([input('pixel_values', 'float32', [])], ['last_hidden_state'], () => ({}));
    await expect(new PromptEncoder(session, tokenizer).encode('')).rejects.toThrow('wants pixel_values');
  });
});
