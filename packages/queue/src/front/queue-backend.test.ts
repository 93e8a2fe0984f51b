import { createFrontServer, type ServerOptions } from '@cachequant/server';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { gate } from '../../../server/src/__fixtures__/start-server.js';
import { type FakeModel, fakeModel } from '../__fixtures__/fake-model.js';
import { findServer, missingServer, startRedis } from '../__fixtures__/redis-server.js';
import { memoryArchive, startQueue, startWorker, until } from '../__fixtures__/start-worker.js';
import { queueBackend } from './queue-backend.js';

beforeEach((context) => {
  if (findServer() !== undefined) return;
  if (process.env.CI) throw new Error(missingServer);
  context.skip(missingServer);
});

async function startFront(address: string, archive = memoryArchive(), options: ServerOptions = {}) {
  const lines: string[] = [];
  const server = createFrontServer({
    ...options,
    logTo: { write: (line) => void lines.push(line) },
    openBackend: (context) => queueBackend({ address, archive }, context),
  });
  const { address: url, ready } = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close({ graceSeconds: 0 }));
  return { server, url, ready, archive, log: () => lines.map((line) => JSON.parse(line)) };
}

async function startAll(models: readonly FakeModel[], options: ServerOptions = {}) {
  const redis = await startRedis();
  const archive = memoryArchive();
  const worker = await startWorker(redis.address, archive, models);
  const front = await startFront(redis.address, archive, options);
  await front.ready;
  return { ...front, redis, worker };
}

function post(url: string, body: object, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    ...init,
  });
}

describe('a front', () => {
  test('is ready when a worker has come, and answers with what workers draw', async () => {
    const { address } = await startRedis();
    const { url, archive, ready } = await startFront(address);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    const early = await post(url, { prompt: 'a shoe' });
    expect([early.status, await early.json()]).toMatchObject([503, { error: { code: 'no_model' } }]);
    const fakes = [fakeModel('fashion', { warnings: ['off'] }), fakeModel('fashion')];
    for (const fake of fakes) await startWorker(address, archive, [fake]);
    await ready;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{ id: 'fashion' }] });
    const answer = await post(url, { prompt: 'a shoe', seed: 1, n: 3 });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      size: '16x16',
      data: [{ seed: 1 }, { seed: 2 }, { seed: 3 }],
    });
    expect(fakes.flatMap(({ requests }) => requests)).toHaveLength(3);
    const again = await post(url, { prompt: 'a shoe', seed: 2 });
    expect(again.status).toBe(200);
    expect(fakes.flatMap(({ requests }) => requests)).toHaveLength(3);
    const unknown = await post(url, { prompt: 'x', model: 'none' });
    expect([unknown.status, await unknown.json()]).toMatchObject([
      404,
      { error: { code: 'model_not_found' } },
    ]);
  });

  test('streams unfinished pictures and the finished one', async () => {
    const fake = fakeModel('fashion', { beforeCall: () => new Promise((soon) => setTimeout(soon, 60)) });
    const { url } = await startAll([fake]);
    const text = await (
      await post(url, { prompt: 'a shoe', seed: 1, stream: true, partial_images: 1 })
    ).text();
    expect(text.match(/^event: .*/gm)).toEqual([
      'event: image_generation.partial_image',
      'event: image_generation.completed',
    ]);
  });

  test('names the field that a worker refuses', async () => {
    const { CacheQuantError } = await import('@cachequant/tensor');
    const fake = fakeModel('fashion', {
      beforeCall: () => {
        throw new CacheQuantError('invalid-argument', 'not this size', { where: 'width' });
      },
    });
    const { url } = await startAll([fake]);
    const answer = await post(url, { prompt: 'a shoe', size: '24x24' });
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { code: 'invalid_value', param: 'size' } },
    ]);
  });

  test('ends the drawing of a client that goes away', async () => {
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: (call) => (call === 1 ? door.wait() : undefined) });
    const { url, log } = await startAll([fake]);
    const controller = new AbortController();
    const asked = post(url, { prompt: 'a shoe', n: 2 }, { signal: controller.signal });
    await door.reached;
    controller.abort();
    await expect(asked).rejects.toThrow();
    await until(() => fake.requests[0]!.signal!.aborted);
    door.open();
    await until(() => fake.stopped.length === 1);
    await until(() => log().some(({ msg, status }) => msg === 'answered' && status === 499));
    expect(fake.requests).toHaveLength(1);
  });

  test('has one bound for all fronts: 429 with Retry-After', async () => {
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: door.wait });
    const { url, redis, archive } = await startAll([fake], { limits: { queue: 1 } });
    const first = post(url, { prompt: 'first' });
    await door.reached;
    const other = await startFront(redis.address, archive, { limits: { queue: 1 } });
    await other.ready;
    const second = post(other.url, { prompt: 'second' });
    const jobs = async () => (await (await fetch(`${url}/metrics`)).text()).split('\n');
    await until(async () => (await jobs()).includes('cachequant_jobs{model="fashion",state="waiting"} 1'));
    expect(await jobs()).toContain('cachequant_jobs{model="fashion",state="active"} 1');
    const third = await post(url, { prompt: 'third' });
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
    expect((await (await fetch(`${url}/queue`)).json()) as object).toMatchObject({
      running: [{ model: 'fashion' }],
    });
    door.open();
    expect((await Promise.all([first, second])).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('draws what persons wait for before batches', async () => {
    const door = gate();
    const fake = fakeModel('fashion', {
      beforeCall: () => (fake.requests.length === 1 ? door.wait() : undefined),
    });
    const { url, redis, archive } = await startAll([fake]);
    const queue = startQueue(redis.address, archive);
    const model = (await queue.models())[0]!;
    const signal = new AbortController().signal;
    const batch = [1, 2, 3].map((seed) => queue.ask(model, { prompt: 'b', seed }, { signal, isBatch: true }));
    await door.reached;
    await until(async () => (await queue.counts(model)).waiting === 2);
    const person = post(url, { prompt: 'p', seed: 9 });
    await until(async () => (await queue.counts(model)).waiting === 3);
    door.open();
    expect((await person).status).toBe(200);
    await Promise.all(batch);
    expect(fake.requests[1]!.prompt).toBe('p');
  });

  test('answers 504 at the deadline, and takes the job back', async () => {
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: door.wait });
    const { url } = await startAll([fake], { limits: { deadlineSeconds: 0.5 } });
    const answer = await post(url, { prompt: 'a shoe' });
    expect([answer.status, await answer.json()]).toMatchObject([
      504,
      { error: { code: 'deadline_exceeded' } },
    ]);
    await until(() => fake.requests[0]!.signal!.aborted);
    door.open();
  });

  test('hands back what is not done when it ends', async () => {
    const door = gate();
    const fake = fakeModel('fashion', { beforeCall: door.wait });
    const { url, server } = await startAll([fake]);
    const asked = post(url, { prompt: 'a shoe' });
    await door.reached;
    const closed = server.close({ graceSeconds: 0.05 });
    expect((await asked).status).toBe(503);
    await closed;
    door.open();
  });

  test('is not ready while the queue is away, refuses at once, and goes on when it is back', async () => {
    const fake = fakeModel('fashion');
    const { url, redis } = await startAll([fake]);
    await redis.kill();
    await until(async () => (await fetch(`${url}/readyz`)).status === 503);
    const answer = await post(url, { prompt: 'a shoe' });
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'queue_unreachable' } },
    ]);
    await redis.restart();
    await until(async () => (await fetch(`${url}/readyz`)).status === 200);
    expect((await post(url, { prompt: 'a shoe' })).status).toBe(200);
  });
});
