import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryStorage } from '@cachequant/tensor';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folderArchive } from './folder-archive.js';
import type { PictureArchive } from './picture-archive.js';
import { readPicture, writePicture } from './picture-file.js';
import { s3Archive } from './s3-archive.js';

const KEY = 'ab'.repeat(32);

/** What a store that speaks S3 answers to the three requests that there are, and what it was sent. */
async function fakeS3(refuse?: string) {
  const objects = new Map<string, Buffer>();
  const requests: { method: string; path: string; authorization: string | undefined }[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const path = new URL(url, 'http://x').pathname;
    requests.push({ method, path, authorization: headers.authorization });
    const body = await bodyOf(request);
    const fail = (status: number, code: string) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(method === 'HEAD' ? '' : `<Error><Code>${code}</Code><Message>no</Message></Error>`);
    };
    if (refuse !== undefined) return fail(403, refuse);
    if (method === 'PUT') {
      objects.set(path, body);
      return response.end();
    }
    const found = objects.get(path);
    if (found === undefined) return fail(404, 'NoSuchKey');
    response.writeHead(200, { 'content-length': found.length });
    response.end(method === 'HEAD' ? undefined : found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const archive = s3Archive({
    bucket: 'pictures',
    prefix: 'fashion/',
    client: {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'me', secretAccessKey: 'secret' },
      maxAttempts: 1,
    },
  });
  onTestFinished(() => archive.dispose());
  return { archive, objects, requests };
}

/** The SDK may send a body in chunks that are signed; what is in them counts. */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (!/aws-chunked/.test(String(request.headers['content-encoding']))) return body;
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.subarray(at, end).toString(), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

async function keeps(archive: PictureArchive): Promise<void> {
  const file = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  expect(await archive.has(KEY)).toBe(false);
  expect(await archive.get(KEY)).toBeUndefined();
  await archive.put(KEY, file);
  expect(await archive.has(KEY)).toBe(true);
  expect(Buffer.compare((await archive.get(KEY))!, file)).toBe(0);
  await archive.put(KEY, file);
  expect(Buffer.compare((await archive.get(KEY))!, file)).toBe(0);
}

describe('folderArchive(storage)', () => {
  test('keeps pictures by their keys', async () => {
    const storage = memoryStorage();
    await keeps(folderArchive(storage));
    expect(await storage.list()).toEqual([`ab/${KEY}.png`]);
  });

  test('says so when a file cannot be read', async () => {
    const archive = folderArchive({
      ...memoryStorage(),
      stat: async () => ({ size: 5 }),
    });
    await expect(archive.get(KEY)).rejects.toMatchObject({ code: 'storage' });
  });
});

describe('s3Archive({ bucket, prefix })', () => {
  test('keeps pictures in a store that speaks S3, with signed requests', async () => {
    const { archive, objects, requests } = await fakeS3();
    await keeps(archive);
    expect([...objects.keys()]).toEqual([`/pictures/fashion/ab/${KEY}.png`]);
    for (const { authorization } of requests) {
      expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=me\/\d{8}\/eu-central-1\/s3\/aws4_request/);
    }
  });

  test('says what the store has against it', async () => {
    const { archive } = await fakeS3('AccessDenied');
    for (const refused of [archive.get(KEY), archive.put(KEY, new Uint8Array(3))]) {
      await expect(refused).rejects.toMatchObject({
        code: 'storage',
        where: 's3://pictures',
        got: 'AccessDenied',
      });
    }
    await expect(archive.has(KEY)).rejects.toMatchObject({ code: 'storage' });
  });
});

describe('readPicture(writePicture(picture, details))', () => {
  const details = {
    ...{ seed: 3, steps: 4, sampler: 'DDIM', guidanceScale: 2, warnings: ['赤い “quoted”'], seconds: 0.5 },
    model: { kind: 'bundle' as const, name: 'm', fingerprint: 'f' },
  };
  const picture = { width: 5, height: 3, rgb: Uint8Array.from({ length: 45 }, (_, i) => i * 5) };

  test('is the picture with its details', async () => {
    const read = await readPicture(writePicture(picture, details));
    expect({ ...read, rgb: [...read.rgb] }).toEqual({ ...picture, rgb: [...picture.rgb], details });
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['no PNG', new Uint8Array(100)],
    ['half a picture', writePicture(picture, details).subarray(0, 200)],
  ])('refuses %s', async (_, file) => {
    await expect(readPicture(file)).rejects.toMatchObject({ code: 'storage' });
  });
});
