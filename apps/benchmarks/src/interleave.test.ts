import { describe, expect, it } from 'vitest';
import { interleave, spreadOf } from './interleave.js';

describe('spreadOf', () => {
  it('gives median and quartiles of values in any order', () => {
    expect(spreadOf([5, 1, 3, 2, 4])).toEqual({ medianMs: 3, quartilesMs: [2, 4], calls: 5 });
    expect(spreadOf([2, 1])).toEqual({ medianMs: 1.5, quartilesMs: [1.25, 1.75], calls: 2 });
  });
});

describe('interleave', () => {
  it('makes the calls in turn and leaves the first rounds out of the count', async () => {
    const order: string[] = [];
    const call = (name: string) => async () => {
      order.push(name);
    };
    const options = { rounds: 2, warmUps: 1, signal: new AbortController().signal };
    const spreads = await interleave({ a: call('a'), b: call('b') }, options, () => {});
    expect(order.join('')).toBe('ababab');
    expect(spreads.a.calls).toBe(2);
  });

  it('stops between rounds', async () => {
    const stop = new AbortController();
    const options = { rounds: 5, warmUps: 0, signal: stop.signal };
    let calls = 0;
    const call = async () => {
      calls += 1;
      if (calls === 2) stop.abort();
    };
    await expect(interleave({ call }, options, () => {})).rejects.toThrow();
    expect(calls).toBe(2);
  });
});
