import { beforeEach, describe, expect, test } from 'vitest';
import { gate } from '../../server/src/__fixtures__/start-server.js';
import { colourOf, fakeModel } from './__fixtures__/fake-model.js';
import { findServer, missingServer, startRedis } from './__fixtures__/redis-server.js';
import { memoryArchive, startQueue, startWorker, until } from './__fixtures__/start-worker.js';
import { pictureKey } from './jobs/picture-request.js';
import { findModel, type PictureQueue } from './picture-queue.js';

beforeEach((context) => {
  if (findServer() !== undefined) return;
  if (process.env.CI) throw new Error(missingServer);
  context.skip(missingServer);
});

const never = new AbortController().signal;

async function modelOf(queue: PictureQueue, id?: string) {
  await until(async () => (await queue.models()).length > 0);
  return findModel(await queue.models(), id);
}

describe('PictureQueue.ask(model, request)', () => {
  test('has a worker draw it, with the words of the request and what is known of the picture', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const fake = fakeModel('fashion', { warnings: ['not calibrated'] });
    await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const request = { prompt: 'a shoe', seed: 3, steps: 2, negativePrompt: 'blurry' };
    const asked = await queue.ask(await modelOf(queue), request, { signal: never });
    expect(fake.requests).toMatchObject([request]);
    expect([...asked.picture.rgb.subarray(0, 3)]).toEqual(colourOf(3));
    expect(asked).toMatchObject({
      found: false,
      key: pictureKey(fake.identity.fingerprint, request),
      picture: {
        ...{ width: 16, height: 16 },
        details: {
          ...{ seed: 3, steps: 2, guidanceScale: 4, sampler: 'DDIMScheduler', warnings: ['not calibrated'] },
          model: fake.identity,
        },
      },
    });
  });

  test('serves a repeat out of the archive, whether or not a worker is there', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const fake = fakeModel('fashion');
    const worker = await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    const first = await queue.ask(model, { prompt: 'a shoe', seed: 3 }, { signal: never });
    await queue.ask(model, { prompt: 'a shoe', seed: 4 }, { signal: never });
    await worker.close();
    const again = await queue.ask(model, { seed: 3, prompt: 'a shoe' }, { signal: never });
    expect(again).toEqual({ ...first, found: true });
    expect([fake.requests.length, archive.puts.length]).toEqual([2, 2]);
  });

  test('draws once what several ask for at a time, by one worker of two', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fakes = [0, 1].map(() => fakeModel('fashion', { beforeCall: door.wait }));
    for (const fake of fakes) await startWorker(address, archive, [fake]);
    const queues = [startQueue(address, archive), startQueue(address, archive)];
    const model = await modelOf(queues[0]!);
    const asked = Array.from({ length: 6 }, (_, i) =>
      queues[i % 2]!.ask(model, { prompt: 'a shoe', seed: 1 }, { signal: never }),
    );
    await door.reached;
    door.open();
    expect((await Promise.all(asked)).map(({ picture }) => picture.details.seed)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(fakes.flatMap(({ requests }) => requests)).toHaveLength(1);
  });

  test('tells progress and shows unfinished pictures', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    await startWorker(address, archive, [
      fakeModel('fashion', { beforeCall: () => new Promise((soon) => setTimeout(soon, 120)) }),
    ]);
    const queue = startQueue(address, archive);
    const heard: unknown[] = [];
    await queue.ask(
      await modelOf(queue),
      { prompt: 'a shoe', seed: 1 },
      { signal: never, partials: 1, onProgress: (progress) => heard.push(progress) },
    );
    expect(heard[0]).toEqual({ call: 1, calls: 4 });
    expect(heard).toContainEqual({ call: 2, calls: 4, partial: { index: 0, preview: expect.any(String) } });
  });

  test('rejects with what the worker says, and asks again when it is asked again', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    let isBad = true;
    const { CacheQuantError } = await import('@cachequant/tensor');
    await startWorker(address, archive, [
      fakeModel('fashion', {
        beforeCall: () => {
          if (isBad) throw new CacheQuantError('invalid-argument', 'not this size', { where: 'width' });
        },
      }),
    ]);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    const ask = () => queue.ask(model, { prompt: 'a shoe', seed: 1 }, { signal: never });
    await expect(ask()).rejects.toMatchObject({
      ...{ code: 'invalid-argument', where: 'width', message: 'width: not this size' },
    });
    isBad = false;
    expect((await ask()).found).toBe(false);
  });

  test('tries a runtime that failed again, with the model loaded again', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    let failures = 1;
    const { CacheQuantError } = await import('@cachequant/tensor');
    const fake = fakeModel('fashion', {
      beforeCall: () => {
        if (failures-- > 0) throw new CacheQuantError('runtime', 'the worker thread ended');
      },
    });
    const { log } = await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const asked = await queue.ask(await modelOf(queue), { prompt: 'a shoe', seed: 1 }, { signal: never });
    expect([asked.found, fake.requests.length]).toEqual([false, 2]);
    expect(log().filter(({ msg }) => msg === 'model loaded')).toHaveLength(2);
  });
});

describe('one who gives up', () => {
  test('ends the drawing within one network call', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: (call) => (call === 1 ? door.wait() : undefined) });
    await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    const controller = new AbortController();
    const asked = queue.ask(model, { prompt: 'a shoe', seed: 1 }, { signal: controller.signal });
    await door.reached;
    controller.abort(new Error('the client went away'));
    await expect(asked).rejects.toThrow('the client went away');
    await until(() => fake.requests[0]!.signal!.aborted);
    door.open();
    await until(() => fake.stopped.length === 1);
    const next = await queue.ask(model, { prompt: 'a shoe', seed: 2 }, { signal: never });
    expect([next.found, archive.puts]).toEqual([false, [next.key]]);
  });

  test('takes back what waits', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: door.wait });
    await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    const first = queue.ask(model, { prompt: 'a shoe', seed: 1 }, { signal: never });
    await door.reached;
    const controller = new AbortController();
    const second = queue.ask(model, { prompt: 'a shoe', seed: 2 }, { signal: controller.signal });
    await until(async () => (await queue.waiting(model)) === 1);
    controller.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    await until(async () => (await queue.waiting(model)) === 0);
    door.open();
    await first;
    expect(fake.requests).toHaveLength(1);
  });

  test('takes nothing from others who wait for the same picture', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: door.wait });
    await startWorker(address, archive, [fake]);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    const controller = new AbortController();
    const request = { prompt: 'a shoe', seed: 1 };
    const first = queue.ask(model, request, { signal: controller.signal });
    const second = queue.ask(model, request, { signal: never });
    await door.reached;
    controller.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await new Promise((soon) => setTimeout(soon, 100));
    door.open();
    expect((await second).found).toBe(false);
    expect([fake.requests.length, fake.stopped.length]).toEqual([1, 0]);
  });
});

describe('what ends in the middle', () => {
  test('a worker that is told to end hands its job back at once', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const first = fakeModel('fashion', { beforeCall: door.wait });
    const ending = await startWorker(address, archive, [first]);
    const queue = startQueue(address, archive);
    const asked = queue.ask(await modelOf(queue), { prompt: 'a shoe', seed: 1 }, { signal: never });
    await door.reached;
    const closed = ending.close({ graceSeconds: 0 });
    await until(() => first.requests[0]!.signal!.aborted);
    door.open();
    await closed;
    const second = fakeModel('fashion');
    await startWorker(address, archive, [second]);
    expect((await asked).found).toBe(false);
    expect([first.stopped.length, second.requests.length, archive.puts.length]).toEqual([1, 1, 1]);
  });

  test('a worker and one who asks end when they are told to, also while the queue is away', async () => {
    const redis = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const worker = await startWorker(redis.address, archive, [
      fakeModel('fashion', { beforeCall: door.wait }),
    ]);
    const queue = startQueue(redis.address, archive);
    const model = await modelOf(queue);
    const controller = new AbortController();
    const asked = queue.ask(model, { prompt: 'a shoe', seed: 1 }, { signal: controller.signal });
    await door.reached;
    await redis.kill();
    controller.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    await queue.close();
    door.open();
    await worker.close({ graceSeconds: 0.1 });
  });

  test('a worker that cannot say that it is alive ends its picture; another draws it', async () => {
    const redis = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fake = fakeModel('fashion', {
      beforeCall: () => (fake.requests.length === 1 ? door.wait() : undefined),
    });
    await startWorker(redis.address, archive, [fake], 1);
    const queue = startQueue(redis.address, archive);
    const asked = queue.ask(await modelOf(queue), { prompt: 'a shoe', seed: 1 }, { signal: never });
    await door.reached;
    redis.process().kill('SIGSTOP');
    await until(() => fake.requests[0]!.signal!.aborted);
    door.open();
    await until(() => fake.stopped.length === 1);
    redis.process().kill('SIGCONT');
    expect((await asked).found).toBe(false);
    expect([fake.requests.length, archive.puts.length]).toEqual([2, 1]);
  });

  test.each([
    ['keeps what it had', false, false],
    ['has lost everything', true, false],
    ['has lost a batch', true, true],
  ])('the server of the queue, which %s: nothing is lost, nothing twice', async (_, forget, isBatch) => {
    const redis = await startRedis();
    const archive = memoryArchive();
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: (call) => (call === 1 ? door.wait() : undefined) });
    await startWorker(redis.address, archive, [fake]);
    const queue = startQueue(redis.address, archive);
    const model = await modelOf(queue);
    const asked = [1, 2, 3].map((seed) =>
      queue.ask(model, { prompt: 'a shoe', seed }, { signal: never, isBatch }),
    );
    await door.reached;
    await redis.restart({ forget });
    door.open();
    const pictures = await Promise.all(asked);
    expect(pictures.map(({ picture }) => picture.details.seed)).toEqual([1, 2, 3]);
    expect(new Set(archive.puts).size).toBe(3);
    expect(archive.puts).toHaveLength(3);
  });
});

describe('a worker of two models', () => {
  test('draws by both, one picture at a time', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    let [now, most] = [0, 0];
    const beforeCall = async (call: number) => {
      if (call === 0) most = Math.max(most, ++now);
      await new Promise((soon) => setTimeout(soon, 5));
      if (call === 3) now -= 1;
    };
    const fakes = ['a', 'b'].map((id) => fakeModel(id, { beforeCall }));
    await startWorker(address, archive, fakes);
    const queue = startQueue(address, archive);
    const models = [await modelOf(queue, 'a'), await modelOf(queue, 'b')];
    const asked = Array.from({ length: 8 }, (_, seed) =>
      queue.ask(models[seed % 2]!, { prompt: 'a shoe', seed }, { signal: never }),
    );
    expect(await Promise.all(asked)).toHaveLength(8);
    expect([most, ...fakes.map(({ requests }) => requests.length)]).toEqual([1, 4, 4]);
  });
});
