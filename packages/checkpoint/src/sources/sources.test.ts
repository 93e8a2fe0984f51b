import { describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../__fixtures__/encode-safetensors.js';
import { blobSource, openWeightFile, urlSource } from '../index.js';

const file = encodeSafetensors({ a: { dtype: 'U8', shape: [4], bytes: Uint8Array.of(1, 2, 3, 4) } });

/** A server of one file; `change` alters what it answers. */
function server(change: (response: Response, range: string) => Response = (response) => response) {
  const ranges: string[] = [];
  const answer = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const range = new Headers(init?.headers).get('range')!;
    ranges.push(range);
    const [start, last] = /^bytes=(\d+)-(\d+)$/.exec(range)!.slice(1).map(Number) as [number, number];
    const headers = { 'content-range': `bytes ${start}-${last}/${file.length}`, etag: '"1"' };
    return change(
      new Response(Uint8Array.from(file.subarray(start, last + 1)), { status: 206, headers }),
      range,
    );
  };
  return { ranges, fetch: answer as typeof fetch };
}

const url = 'https://example.org/model.safetensors';

describe('urlSource(url)', () => {
  test('reads the ranges that are asked for, and nothing else', async () => {
    const { ranges, fetch } = server();
    const weights = await openWeightFile(await urlSource(url, { fetch }));
    expect(await weights.read('a', { start: 1, count: 2 })).toEqual(Uint8Array.of(2, 3));
    expect(ranges.at(-1)).toBe(`bytes=${file.length - 3}-${file.length - 2}`);
    expect(await weights.read('a', { start: 1, count: 0 })).toEqual(new Uint8Array(0));
  });

  test.each<[string, Parameters<typeof server>[0], RegExp]>([
    ['servers without ranges', () => new Response('x', { status: 200 }), /does not give parts/],
    ['missing files', () => new Response('x', { status: 404 }), /refused.*status 404/],
    [
      'other ranges',
      () => new Response('x', { status: 206, headers: { 'content-range': 'bytes 5-6/9' } }),
      /does not give parts/,
    ],
    [
      'files of unknown size',
      () => new Response('x', { status: 206, headers: { 'content-range': 'bytes 0-0/*' } }),
      /how large/,
    ],
  ])('refuses %s', async (_what, change, message) => {
    await expect(urlSource(url, server(change))).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringMatching(message),
    });
  });

  test('refuses a file that has changed, and answers that are cut off', async () => {
    const changed = server((response, range) => {
      if (range !== 'bytes=0-0') response.headers.set('etag', '"2"');
      return response;
    });
    await expect(openWeightFile(await urlSource(url, changed))).rejects.toThrow(/has changed/);
    const cut = server((response, range) =>
      range === 'bytes=0-0' ? response : new Response('', { status: 206, headers: response.headers }),
    );
    await expect(openWeightFile(await urlSource(url, cut))).rejects.toThrow(/has changed|shorter/);
  });

  test('says what to do when there is no answer, and stops on request', async () => {
    const fetch = () => Promise.reject(new TypeError('failed'));
    await expect(urlSource(url, { fetch })).rejects.toThrow(/could not be fetched.*CORS/);
    const signal = AbortSignal.abort();
    await expect(urlSource(url, { fetch, signal })).rejects.toMatchObject({ code: 'aborted' });
  });
});

test('blobSource reads a chosen file', async () => {
  const weights = await openWeightFile(blobSource(new Blob([Uint8Array.from(file)]), 'chosen.safetensors'));
  expect(weights.location('a')?.source.name).toBe('chosen.safetensors');
  expect(await weights.read('a')).toEqual(Uint8Array.of(1, 2, 3, 4));
});
