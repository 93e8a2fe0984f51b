import { describe, expect, test } from 'vitest';
import { JobQueue, type JobQueueOptions } from './job-queue.js';

const never = new AbortController().signal;

/** A queue of jobs that run until they are told to end. */
function queueOf(options: Partial<JobQueueOptions> = {}) {
  const queue = new JobQueue<string>({ capacity: 2, ...options });
  const order: string[] = [];
  const ends = new Map<string, () => void>();
  const submit = (subject: string, signal = never) =>
    queue.submit({
      subject,
      signal,
      run: (either) => {
        order.push(subject);
        return new Promise<string>((resolve, reject) => {
          ends.set(subject, () => resolve(`${subject} done`));
          either.addEventListener('abort', () => reject(new Error('stopped')));
        });
      },
    });
  const end = async (subject: string) => {
    ends.get(subject)!();
    await new Promise(setImmediate);
  };
  return { queue, order, submit, end };
}

describe('JobQueue', () => {
  test('runs one job at a time, in the order of arrival', async () => {
    const { queue, order, submit, end } = queueOf();
    const results = [submit('a'), submit('b'), submit('c')];
    expect([queue.running, queue.waiting, order]).toEqual(['a', ['b', 'c'], ['a']]);
    await end('a');
    expect([queue.running, queue.waiting, order]).toEqual(['b', ['c'], ['a', 'b']]);
    await end('b');
    await end('c');
    expect(await Promise.all(results)).toEqual(['a done', 'b done', 'c done']);
    expect([queue.running, queue.waiting]).toEqual([undefined, []]);
  });

  test('refuses at once what finds all places taken, and says when to come back', async () => {
    let seconds = 0;
    const { submit, end } = queueOf({ now: () => seconds * 1000 });
    const results = [submit('a')];
    seconds = 7;
    await end('a');
    results.push(submit('b'), submit('c'), submit('d'));
    expect(() => submit('e')).toThrow(expect.objectContaining({ status: 429, retryAfterSeconds: 21 }));
    for (const subject of ['b', 'c', 'd']) await end(subject);
    await Promise.all(results);
  });

  test('does not count stopped jobs in the time that jobs take', async () => {
    const { queue, submit } = queueOf();
    const controller = new AbortController();
    const result = submit('a', controller.signal);
    controller.abort(new Error('gone'));
    await expect(result).rejects.toThrow('gone');
    expect(queue.retryAfterSeconds).toBe(1);
  });

  test('lets a waiting job leave at once', async () => {
    const { queue, order, submit, end } = queueOf();
    const controller = new AbortController();
    const first = submit('a');
    const second = submit('b', controller.signal);
    const third = submit('c');
    controller.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    expect(queue.waiting).toEqual(['c']);
    await end('a');
    await end('c');
    await Promise.all([first, third]);
    expect(order).toEqual(['a', 'c']);
  });

  test('stops a running job with the reason of its signal, then runs the next', async () => {
    const { queue, submit, end } = queueOf();
    const controller = new AbortController();
    const first = submit('a', controller.signal);
    const second = submit('b');
    controller.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect(queue.running).toBe('b');
    await end('b');
    await second;
  });

  test('refuses a job that was stopped before', async () => {
    const { order, submit } = queueOf();
    await expect(submit('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(order).toEqual([]);
  });

  test('goes on after a job that fails', async () => {
    const queue = new JobQueue<string>({ capacity: 1 });
    const failing = () => Promise.reject(new Error('broken'));
    await expect(queue.submit({ subject: 'a', signal: never, run: failing })).rejects.toThrow('broken');
    expect(await queue.submit({ subject: 'b', signal: never, run: async () => 1 })).toBe(1);
  });

  test('measures how long jobs waited', async () => {
    let seconds = 0;
    const waited: number[] = [];
    const { submit, end } = queueOf({ now: () => seconds * 1000, onWaited: (value) => waited.push(value) });
    const results = [submit('a'), submit('b')];
    seconds = 5;
    await end('a');
    await end('b');
    await Promise.all(results);
    expect(waited).toEqual([0, 5]);
  });
});

describe('JobQueue.drain', () => {
  test('hands back what waits and lets what runs finish', async () => {
    const { queue, submit, end } = queueOf();
    const first = submit('a');
    const second = submit('b');
    const drained = queue.drain(60_000);
    await expect(second).rejects.toMatchObject({ status: 503, retryAfterSeconds: 1 });
    expect(() => submit('c')).toThrow(expect.objectContaining({ status: 503 }));
    await end('a');
    await drained;
    expect(await first).toBe('a done');
  });

  test('hands back what runs when the grace is over', async () => {
    const { queue, submit } = queueOf();
    const first = submit('a');
    const refused = expect(first).rejects.toMatchObject({ status: 503, code: 'server_stopping' });
    await queue.drain(1);
    await refused;
    expect(queue.running).toBeUndefined();
  });
});
