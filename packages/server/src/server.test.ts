import { once } from 'node:events';
import { connect } from 'node:net';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { fakeModel } from './__fixtures__/fake-model.js';
import { gate, postJson, startCold, startServer } from './__fixtures__/start-server.js';

const GENERATIONS = '/v1/images/generations';

/** Polls until something holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function queueOf(url: string) {
  return (await (await fetch(`${url}/queue`)).json()) as {
    running: { id: string; call: number }[];
    waiting: { id: string }[];
  };
}

describe('a full queue', () => {
  test('answers 429 with Retry-After, as OpenAI’s client understands it, and goes on', async () => {
    const door = gate();
    const { url } = await startServer({
      models: [fakeModel('fashion', { beforeCall: door.wait })],
      limits: { queue: 1 },
    });
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
    const first = openai.images.generate({ prompt: 'first' });
    await door.reached;
    const second = openai.images.generate({ prompt: 'second' });
    await until(async () => (await queueOf(url)).waiting.length === 1);
    const third = await openai.images.generate({ prompt: 'third' }).catch((error) => error);
    expect(third).toBeInstanceOf(OpenAI.RateLimitError);
    expect(third).toMatchObject({ status: 429, code: 'queue_full', type: 'rate_limit_error' });
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    door.open();
    expect((await Promise.all([first, second])).map(({ data }) => data!.length)).toEqual([1, 1]);
    expect((await openai.images.generate({ prompt: 'fourth' })).data).toHaveLength(1);
  });
});

describe('a client that goes away', () => {
  test('frees its place at the next network call', async () => {
    const door = gate();
    const model = fakeModel('fashion', {
      calls: 50,
      beforeCall: (call) => (call === 1 ? door.wait() : undefined),
    });
    const { url, log } = await startServer({ models: [model] });
    const controller = new AbortController();
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' }, { signal: controller.signal });
    await door.reached;
    const second = postJson(`${url}${GENERATIONS}`, { prompt: 'second', num_inference_steps: 1 });
    controller.abort();
    await expect(first).rejects.toThrow();
    await until(() => log().some(({ msg, status }) => msg === 'answered' && status === 499));
    door.open();
    expect((await second).status).toBe(200);
    expect(log().filter(({ msg }) => msg === 'not drawn')).toMatchObject([{ stopped: true }]);
    expect(log().find(({ msg, status }) => msg === 'answered' && status === 499)).toBeDefined();
  });

  test('leaves the queue at once while it waits', async () => {
    const door = gate();
    const model = fakeModel('fashion', { beforeCall: door.wait });
    const { url } = await startServer({ models: [model] });
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' });
    await door.reached;
    const controller = new AbortController();
    const second = postJson(`${url}${GENERATIONS}`, { prompt: 'second' }, { signal: controller.signal });
    await until(async () => (await queueOf(url)).waiting.length === 1);
    controller.abort();
    await expect(second).rejects.toThrow();
    await until(async () => (await queueOf(url)).waiting.length === 0);
    door.open();
    expect((await first).status).toBe(200);
    expect(model.requests.map(({ prompt }) => prompt)).toEqual(['first']);
  });

  test('in the middle of a stream frees its place too', async () => {
    const door = gate();
    const model = fakeModel('fashion', {
      calls: 50,
      beforeCall: (call) => (call === 40 ? door.wait() : undefined),
    });
    const { url, log } = await startServer({ models: [model] });
    const controller = new AbortController();
    const body = { prompt: 'first', stream: true, partial_images: 1 };
    const answer = await postJson(`${url}${GENERATIONS}`, body, { signal: controller.signal });
    const reader = answer.body!.getReader();
    await reader.read();
    await door.reached;
    controller.abort();
    await until(() => log().some(({ status }) => status === 499));
    door.open();
    await until(async () => (await queueOf(url)).running.length === 0);
    expect(log().filter(({ msg }) => msg === 'not drawn')).toMatchObject([{ stopped: true }]);
  });
});

describe('a deadline', () => {
  test('ends a request, and tells OpenAI’s client not to try again', async () => {
    const door = gate();
    const model = fakeModel('fashion', { beforeCall: door.wait });
    const { url } = await startServer({ models: [model], limits: { deadlineSeconds: 0.2 } });
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 2 });
    const late = openai.images.generate({ prompt: 'slow' }).catch((error) => error);
    await door.reached;
    setTimeout(door.open, 400);
    expect(await late).toMatchObject({ status: 504, code: 'deadline_exceeded', type: 'server_error' });
    expect(model.requests).toHaveLength(1);
  });

  test('ends a request that still waits at once', async () => {
    const door = gate();
    const model = fakeModel('fashion', { beforeCall: door.wait });
    const { url } = await startServer({ models: [model], limits: { deadlineSeconds: 0.3 } });
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' });
    await door.reached;
    expect((await postJson(`${url}${GENERATIONS}`, { prompt: 'second' })).status).toBe(504);
    door.open();
    expect((await first).status).toBe(504);
    expect(model.requests).toHaveLength(1);
  });
});

describe('close()', () => {
  test('finishes the picture that is drawn and hands back what waits', async () => {
    const door = gate();
    const model = fakeModel('fashion', { beforeCall: door.wait });
    const { url, server } = await startServer({ models: [model] });
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' });
    await door.reached;
    const second = postJson(`${url}${GENERATIONS}`, { prompt: 'second' });
    await until(async () => (await queueOf(url)).waiting.length === 1);
    const closed = server.close({ graceSeconds: 60 });
    const refused = await second;
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({ error: { code: 'server_stopping' } });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await postJson(`${url}${GENERATIONS}`, { prompt: 'third' })).status).toBe(503);
    door.open();
    expect((await first).status).toBe(200);
    await closed;
    expect(model.disposed()).toBe(1);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('hands back what is still drawn when the grace is over', async () => {
    const door = gate();
    const model = fakeModel('fashion', { beforeCall: door.wait });
    const { url, server } = await startServer({ models: [model] });
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' });
    await door.reached;
    const closed = server.close({ graceSeconds: 0.05 });
    setTimeout(door.open, 200);
    expect((await first).status).toBe(503);
    await closed;
  });

  test('does not wait for clients that never finish their request', async () => {
    const { port, server } = await startServer({
      models: [fakeModel('fashion')],
      limits: { sendSeconds: 0.2 },
    });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    const gone = once(socket, 'close');
    await server.close();
    await gone;
  });
});

describe('readiness', () => {
  test('comes after the warm-up picture; requests wait for it', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const plain = fakeModel('fashion');
    const model = {
      ...plain,
      open: async () => {
        await opened;
        return plain.open();
      },
    };
    const { url, ready, log } = await startCold({ models: [model] });
    const early = await fetch(`${url}/readyz`);
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const first = postJson(`${url}${GENERATIONS}`, { prompt: 'first' });
    await until(async () => (await queueOf(url)).waiting.length === 1);
    open();
    await ready;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await first).status).toBe(200);
    expect(log().filter(({ level }) => Number(level) > 30)).toEqual([]);
  });

  test('does not come when the model cannot be loaded', async () => {
    const model = fakeModel('fashion', {
      open: () => {
        throw new Error('broken');
      },
    });
    const { url, ready } = await startCold({ models: [model] });
    await expect(ready).rejects.toMatchObject({ code: 'model_not_loaded' });
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
  });

  test('takes the steps that are given for the warm-up picture, and no text where there is none', async () => {
    const { url } = await startServer({
      models: [fakeModel('fashion', { takesText: false })],
      warmUpSteps: 2,
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'cachequant_call_seconds_count{model="fashion",kind="full"} 1',
    );
  });
});

describe('several models', () => {
  test('are loaded on demand within the bound of memory', async () => {
    const [a, b] = [fakeModel('a'), fakeModel('b')];
    const { url } = await startServer({ models: [a, b], memoryBytes: 1500 });
    expect([a.opened(), b.opened()]).toEqual([1, 0]);
    expect((await postJson(`${url}${GENERATIONS}`, { prompt: 'x', model: 'b' })).status).toBe(200);
    expect([a.opened(), a.disposed(), b.opened(), b.disposed()]).toEqual([1, 1, 1, 0]);
    expect((await postJson(`${url}${GENERATIONS}`, { prompt: 'x' })).status).toBe(200);
    expect([a.opened(), b.disposed()]).toEqual([2, 1]);
  });
});

describe('the log', () => {
  const secret = 'a-very-private-prompt';
  const asked = async (url: string) => {
    const bodies = [
      { prompt: secret },
      { prompt: secret, negative_prompt: secret, stream: true, partial_images: 1 },
      { prompt: secret, size: '17x16' },
      { prompt: secret.repeat(1000) },
      { prompt: 'x', model: secret },
      { prompt: 'x', [secret]: 1 },
      { prompt: 'x', user: secret, n: secret },
    ];
    for (const body of bodies) await (await postJson(`${url}${GENERATIONS}`, body)).text();
    await (await postJson(`${url}/sdapi/v1/txt2img`, { prompt: secret })).text();
    const headers = { 'content-type': 'application/json' };
    await fetch(`${url}${GENERATIONS}`, { method: 'POST', headers, body: `{"prompt": "${secret}` });
    await fetch(`${url}/${secret}?prompt=${secret}`);
  };

  test('has a line for each answer and each drawing, and no prompt', async () => {
    const { url, log, logText } = await startServer({
      models: [fakeModel('fashion', { warnings: [`cut: ${secret}`] })],
    });
    await asked(url);
    await until(() => log().filter(({ msg }) => msg === 'answered').length === 10);
    expect(logText()).not.toContain(secret);
    expect(log().find(({ msg, status }) => msg === 'answered' && status === 200)).toMatchObject({
      level: 30,
      method: 'POST',
      route: GENERATIONS,
      requestId: expect.any(String),
      tookMs: expect.any(Number),
      time: expect.stringMatching(/^\d{4}-/),
    });
    expect(log().filter(({ msg }) => msg === 'drawn')[1]).toMatchObject({ model: 'fashion', pictures: 1 });
  });

  test('has prompts when asked for', async () => {
    const { url, logText } = await startServer({ models: [fakeModel('fashion')], logPrompts: true });
    await (await postJson(`${url}${GENERATIONS}`, { prompt: secret })).text();
    expect(logText()).toContain(`"prompt":"${secret}"`);
  });
});

describe('GET /metrics', () => {
  test('counts waits, calls by kind, pictures, answers, errors and memory', async () => {
    const { url } = await startServer({ models: [fakeModel('fashion')] });
    await (await postJson(`${url}${GENERATIONS}`, { prompt: 'x', n: 2 })).text();
    await (await postJson(`${url}${GENERATIONS}`, { prompt: 'x', n: 0 })).text();
    await (await fetch(`${url}/no/such/place`)).text();
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const lines = (await answer.text()).split('\n');
    for (const line of [
      'cachequant_queue_wait_seconds_count 2',
      'cachequant_call_seconds_count{model="fashion",kind="full"} 6',
      'cachequant_call_seconds_count{model="fashion",kind="cached"} 6',
      'cachequant_picture_seconds_count{model="fashion"} 3',
      'cachequant_requests_total{route="/v1/images/generations",status="200"} 1',
      'cachequant_requests_total{route="/v1/images/generations",status="400"} 1',
      'cachequant_requests_total{route="none",status="404"} 1',
      'cachequant_errors_total{code="invalid_value"} 1',
      'cachequant_queue_waiting 0',
      'cachequant_queue_running 0',
      'cachequant_models_loaded 1',
      'cachequant_ready 1',
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.find((line) => line.startsWith('process_resident_memory_bytes '))).toBeDefined();
    expect(
      Number(lines.find((line) => line.startsWith('cachequant_models_bytes '))?.split(' ')[1]),
    ).toBeGreaterThan(0);
  });
});
