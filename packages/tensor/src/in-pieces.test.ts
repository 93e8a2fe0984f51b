import { describe, expect, test } from 'vitest';
import { finish, finishUnlessAborted, type InPieces, takeTurns } from './in-pieces.js';
import { stoppedAfter } from './testing/stopped-after.js';

function* sumTo(last: number): InPieces<number> {
  let sum = 0;
  for (let value = 1; value <= last; value++) {
    sum += value;
    yield;
  }
  return sum;
}

describe('finish', () => {
  test('gives what the pieces compute', () => {
    expect(finish(sumTo(100))).toBe(5050);
  });
});

describe('finishUnlessAborted', () => {
  test('gives what the pieces compute', async () => {
    expect(await finishUnlessAborted(sumTo(100), undefined)).toBe(5050);
  });

  test('lets a timer stop a computation that has no end, and cleans up after it', async () => {
    let cleaned = false;
    function* endless(): InPieces<never> {
      try {
        for (;;) yield;
      } finally {
        cleaned = true;
      }
    }
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    await expect(finishUnlessAborted(endless(), controller.signal)).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(cleaned).toBe(true);
  });

  test('computes nothing for a signal that was given before', async () => {
    let pieces = 0;
    function* counted(): InPieces<void> {
      pieces += 1;
      yield;
    }
    await expect(finishUnlessAborted(counted(), AbortSignal.abort())).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(pieces).toBe(0);
  });

  test('asks the signal before every piece', async () => {
    const signal = stoppedAfter(30);
    await expect(finishUnlessAborted(sumTo(100), signal)).rejects.toMatchObject({ code: 'aborted' });
    expect(signal.asked).toBe(31);
  });

  test('throws what a piece throws', async () => {
    function* failing(): InPieces<void> {
      yield;
      throw new RangeError('too far');
    }
    await expect(finishUnlessAborted(failing(), undefined)).rejects.toThrow('too far');
  });
});

describe('takeTurns', () => {
  test('lets a timer abort', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 0);
    await expect(takeTurns(controller.signal)).rejects.toMatchObject({ code: 'aborted' });
  });
});
