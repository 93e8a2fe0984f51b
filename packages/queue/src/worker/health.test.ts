import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CacheQuantError } from '@cachequant/tensor';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { gate } from '../../../server/src/__fixtures__/start-server.js';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { findServer, missingServer, startRedis } from '../__fixtures__/redis-server.js';
import { memoryArchive, startQueue, startWorker, until } from '../__fixtures__/start-worker.js';
import { findModel, type PictureQueue } from '../picture-queue.js';
import { startQueueWorker } from './queue-worker.js';

beforeEach((context) => {
  if (findServer() !== undefined) return;
  if (process.env.CI) throw new Error(missingServer);
  context.skip(missingServer);
});

const never = new AbortController().signal;
const anyPort = { host: '127.0.0.1', port: 0 };

async function modelOf(queue: PictureQueue) {
  await until(async () => (await queue.models()).length > 0);
  return findModel(await queue.models(), undefined);
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url)).status;
}

/** The samples of Prometheus' text form, by name and labels. */
async function samplesOf(address: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

describe('startQueueWorker({ health })', () => {
  test('is alive at once, ready after the warm-up picture, and alive but not ready while it ends', async () => {
    const { address } = await startRedis();
    const [warming, drawing] = [gate(), gate()];
    const fake = fakeModel('fashion', { beforeCall: drawing.wait });
    const cold = {
      ...fake,
      served: {
        ...fake.served,
        open: async () => {
          await warming.wait();
          return fake.served.open();
        },
      },
    };
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const archive = memoryArchive();
    const starting = startWorker(address, archive, [cold], 30, { host: '127.0.0.1', port });
    await warming.reached;
    expect([await statusOf(`${url}/healthz`), await statusOf(`${url}/readyz`)]).toEqual([200, 503]);
    warming.open();
    const worker = await starting;
    expect(worker.healthAddress).toBe(url);
    expect([await statusOf(`${url}/healthz`), await statusOf(`${url}/readyz`)]).toEqual([200, 200]);

    const queue = startQueue(address, archive);
    const asked = queue.ask(await modelOf(queue), { prompt: 'a shoe', seed: 3 }, { signal: never });
    await drawing.reached;
    expect((await samplesOf(url)).get('cachequant_queue_running')).toBe(1);
    const closed = worker.close({ graceSeconds: 30 });
    await until(async () => (await statusOf(`${url}/readyz`)) === 503);
    expect(await statusOf(`${url}/healthz`)).toBe(200);
    drawing.open();
    expect((await asked).picture.details.seed).toBe(3);
    await closed;
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('counts pictures, calls, waits and errors of what it draws, and says nothing else', async () => {
    const { address } = await startRedis();
    const archive = memoryArchive();
    const fake = fakeModel('fashion', {
      beforeCall: (_, { seed }) => {
        if (seed === 9) throw new CacheQuantError('invalid-argument', 'not this seed', { where: 'seed' });
      },
    });
    const { healthAddress, log } = await startWorker(address, archive, [fake], 30, anyPort);
    const queue = startQueue(address, archive);
    const model = await modelOf(queue);
    for (const seed of [1, 2]) await queue.ask(model, { prompt: 'a secret', seed }, { signal: never });
    await expect(queue.ask(model, { prompt: 'a secret', seed: 9 }, { signal: never })).rejects.toThrow();
    const samples = await samplesOf(healthAddress!);
    expect(Object.fromEntries(samples)).toMatchObject({
      'cachequant_picture_seconds_count{model="fashion"}': 2,
      'cachequant_call_seconds_count{model="fashion",kind="full"}': 8,
      'cachequant_errors_total{code="invalid-argument"}': 1,
      cachequant_queue_wait_seconds_count: 3,
      cachequant_queue_running: 0,
      cachequant_models_loaded: 1,
      cachequant_models_bytes: 1000,
      cachequant_ready: 1,
    });
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect([...samples.keys()].join()).not.toContain('secret');
    expect(await statusOf(`${healthAddress}/queue`)).toBe(404);
    // Probes come every few seconds.
    for (const path of ['healthz', 'readyz']) await statusOf(`${healthAddress}/${path}`);
    const routes = log().flatMap(({ msg, route }) => (msg === 'answered' ? [route] : []));
    expect(routes).toEqual(['none']);
  });

  test('is not ready while the queue’s server is away', async () => {
    const redis = await startRedis();
    const { healthAddress } = await startWorker(
      redis.address,
      memoryArchive(),
      [fakeModel('fashion')],
      30,
      anyPort,
    );
    expect(await statusOf(`${healthAddress}/readyz`)).toBe(200);
    await redis.stop();
    await until(async () => (await statusOf(`${healthAddress}/readyz`)) === 503);
    expect(await statusOf(`${healthAddress}/healthz`)).toBe(200);
  });

  test('ends with what listening says, before anything is loaded', async () => {
    const { address } = await startRedis();
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((listening) => other.once('listening', listening));
    const { port } = other.address() as AddressInfo;
    let isOpened = false;
    const fake = fakeModel('fashion');
    const started = startQueueWorker({
      address,
      archive: memoryArchive(),
      models: [
        {
          ...fake,
          served: {
            ...fake.served,
            open: () => {
              isOpened = true;
              return fake.served.open();
            },
          },
        },
      ],
      health: { host: '127.0.0.1', port },
    });
    await expect(started).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(isOpened).toBe(false);
  });
});
