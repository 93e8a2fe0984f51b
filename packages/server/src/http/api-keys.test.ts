import { describe, expect, test } from 'vitest';
import { fakeModel } from '../__fixtures__/fake-model.js';
import { postJson, startServer } from '../__fixtures__/start-server.js';
import { keyCheck, keyIn } from './api-keys.js';

describe('keyCheck(keys)', () => {
  test('lets in each of the keys and nothing else', () => {
    const isKey = keyCheck(['first', 'zweiter-schlüssel']);
    expect(['first', 'zweiter-schlüssel'].map(isKey)).toEqual([true, true]);
    expect(['', 'firs', 'first ', 'firstt', 'FIRST'].map(isKey)).toEqual([false, false, false, false, false]);
  });
});

describe('keyIn(authorization)', () => {
  test.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    [`Basic ${Buffer.from('someone:a:b').toString('base64')}`, 'a:b'],
    [`Basic ${Buffer.from('no colon').toString('base64')}`, undefined],
    ['Digest abc', undefined],
    ['Bearer', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %j is %j', (header, key) => {
    expect(keyIn(header)).toBe(key);
  });
});

describe('a server with API keys', () => {
  const models = () => [fakeModel('fashion')];

  test.each([
    'GET /v1/models',
    'POST /v1/images/generations',
    'POST /v1/images/edits',
    'POST /sdapi/v1/txt2img',
    'GET /sdapi/v1/progress',
    'GET /sdapi/v1/options',
    'GET /queue',
    'GET /metrics',
  ])('answers %s with 401 without one', async (route) => {
    const { url } = await startServer({ models: models(), apiKeys: ['right'] });
    const [method, path] = route.split(' ');
    const post = { method: 'POST', body: '{}' };
    for (const authorization of ['', 'Bearer wrong']) {
      const headers = { authorization, ...(method === 'POST' && { 'content-type': 'application/json' }) };
      const answer = await fetch(`${url}${path}`, { ...(method === 'POST' ? post : {}), headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(await answer.json()).toMatchObject({
        error: { code: 'invalid_api_key', type: 'invalid_request_error' },
      });
    }
  });

  test.each(['/', '/page.js', '/page.css', '/healthz', '/readyz', '/openapi.json'])(
    'shows %s to everybody',
    async (path) => {
      const { url } = await startServer({ models: models(), apiKeys: ['right'] });
      expect((await fetch(`${url}${path}`)).status).toBe(200);
    },
  );

  test('lets in whoever has one, by Bearer or as the password of Basic', async () => {
    const { url } = await startServer({ models: models(), apiKeys: ['other', 'right'] });
    for (const authorization of ['Bearer right', `Basic ${Buffer.from('me:other').toString('base64')}`]) {
      const answer = await postJson(
        `${url}/v1/images/generations`,
        { prompt: 'x' },
        { headers: { authorization } },
      );
      expect(answer.status).toBe(200);
    }
  });
});
