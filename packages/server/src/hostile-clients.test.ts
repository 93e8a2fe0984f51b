import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FakeModelOptions, fakeModel } from './__fixtures__/fake-model.js';
import { postJson, startServer } from './__fixtures__/start-server.js';
import type { ServerLimits } from './limits.js';

const HEAD = 'POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';

/** A connection that speaks for itself. */
function speak(port: number): { socket: Socket; heard: () => string; closed: Promise<unknown> } {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => {
    socket.on('close', resolve);
  });
  return { socket, heard: () => text, closed };
}

async function start(limits: Partial<ServerLimits> = {}, options: FakeModelOptions = {}) {
  const model = fakeModel('fashion', options);
  const started = await startServer({ models: [model], limits });
  const isServed = async () => {
    const answer = await postJson(`${started.url}/v1/images/generations`, { prompt: 'x' });
    expect(answer.status).toBe(200);
    await answer.text();
  };
  return { ...started, model, isServed };
}

describe('a server goes on serving others', () => {
  test('while many clients send their headers a byte at a time, and ends these in time', async () => {
    const { port, isServed } = await start({ headerSeconds: 1, bodySeconds: 2 });
    const slow = Array.from({ length: 40 }, () => speak(port));
    const timers = slow.map(({ socket }) => {
      let at = 0;
      return setInterval(() => socket.writable && socket.write(HEAD[at++] ?? 'x'), 50);
    });
    for (let i = 0; i < 5; i++) await isServed();
    await Promise.all(slow.map(({ closed }) => closed));
    timers.forEach(clearInterval);
    // A client that still writes when the server has ended it may be reset before it reads the answer.
    const answers = slow.map(({ heard }) => heard()).filter((answer) => answer !== '');
    expect(answers.length).toBeGreaterThan(0);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('while clients send half a body and no more, and ends these in time', async () => {
    const { port, isServed, model } = await start({ headerSeconds: 1, bodySeconds: 1 });
    const slow = Array.from({ length: 20 }, () => speak(port));
    for (const { socket } of slow) socket.write(`${HEAD}content-length: 100\r\n\r\n{"prompt": "half`);
    await isServed();
    await Promise.all(slow.map(({ closed }) => closed));
    expect(model.requests).toHaveLength(1);
    await isServed();
  });

  test('while bodies of 100 MB come, declared and in chunks, and reads no more of them than the limit', async () => {
    const { url, port, isServed, model } = await start();
    const before = process.memoryUsage().rss;
    const declared = speak(port);
    declared.socket.write(`${HEAD}content-length: 100000000\r\n\r\n`);
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    const chunked = speak(port);
    chunked.socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    const pour = (socket: Socket, prefix: string, suffix: string) => {
      let sent = 0;
      const more = () => {
        while (sent < 1600 && socket.writable) {
          sent += 1;
          if (!socket.write(Buffer.concat([Buffer.from(prefix), chunk, Buffer.from(suffix)]))) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    };
    pour(declared.socket, '', '');
    pour(chunked.socket, '10000\r\n', '\r\n');
    await isServed();
    while (!declared.heard() || !chunked.heard()) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const { heard } of [declared, chunked]) {
      expect(heard()).toMatch(/^HTTP\/1.1 413 /);
      expect(heard()).toContain('"code":"body_too_large"');
    }
    await isServed();
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024);
    expect(model.requests).toHaveLength(2);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test('when all connections but one are taken', async () => {
    const { port, isServed } = await start({ connections: 8, headerSeconds: 1 });
    const idle = Array.from({ length: 20 }, () => speak(port));
    await Promise.all(idle.map(({ closed }) => closed));
    await isServed();
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00', 400],
    ['endless headers', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['two lengths', `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    ['a length and chunks', `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ])('after %s', async (_, text, status) => {
    const { port, isServed } = await start();
    const { socket, heard, closed } = speak(port);
    socket.write(text, 'latin1');
    await closed;
    expect(heard()).toContain(`HTTP/1.1 ${status} `);
    await isServed();
  });

  test.each([
    ['no JSON', '{"prompt": ', 'invalid_body'],
    ['a list', '[]', 'invalid_body'],
    ['nothing', '', 'invalid_body'],
    ['null', 'null', 'invalid_body'],
    ['a prototype', '{"prompt": "x", "__proto__": {"n": 5}}', 'invalid_body'],
    ['lists within lists', `${'['.repeat(60_000)}${']'.repeat(60_000)}`, 'invalid_body'],
  ])('after %s in place of a body', async (_, body, code) => {
    const { url, isServed } = await start();
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/images/generations`, { method: 'POST', headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code, type: 'invalid_request_error' } });
    await isServed();
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml'])(
    'after a body of %s, which pages elsewhere could send',
    async (type) => {
      const { url } = await start();
      const options = { method: 'POST', headers: { 'content-type': type }, body: '{"prompt":"x"}' };
      const answer = await fetch(`${url}/v1/images/generations`, options);
      expect(answer.status).toBe(415);
      expect(await answer.json()).toMatchObject({ error: { code: 'unsupported_media_type' } });
    },
  );
});

describe('no path of a request is opened', () => {
  test.each([
    '/../package.json',
    '/page/../../package.json',
    '/%2e%2e/package.json',
    '/pictures/..%2f..%2fpackage.json',
    '/pictures/%2fetc%2fpasswd',
    '/v1/models/..%2f..%2fetc%2fpasswd',
    '//etc/passwd',
    '/page.js/../../package.json',
  ])('%s', async (path) => {
    const { port } = await start();
    const { socket, heard, closed } = speak(port);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    await closed;
    expect(heard()).toMatch(/^HTTP\/1.1 404 /);
    expect(heard()).not.toContain('root:');
  });
});

describe('a client that does not take its answer', () => {
  test.each([
    ['in whole', {}],
    ['in a stream', { stream: true, partial_images: 3 }],
  ])('%s loses its connection', async (_, fields) => {
    const { url, port, isServed } = await start({ sendSeconds: 0.5 }, { noise: true });
    const { socket } = speak(port);
    const body = JSON.stringify({ prompt: 'x', n: 5, size: '1024x1024', ...fields });
    socket.pause();
    socket.write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}`);
    await isServed();
    const isOver = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes('cachequant_requests_total{route="/v1/images/generations",status="499"} 1');
    };
    while (!(await isOver())) await new Promise((resolve) => setTimeout(resolve, 50));
  });
});
