import { type ChildProcess, spawn } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HubServer, sha256 } from './__fixtures__/hub-server.js';
import { type DownloadOptions, downloadModel, type HubProgress, type HubSettings } from './index.js';

const ID = 'someone/tiny-sd';
let server: HubServer;
let root: string;
let settings: HubSettings;

const bytes = (count: number, seed: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => (i * seed) % 251));
const small = (text: string) => ({ content: Buffer.from(text), lfs: false });
const large = (count: number, seed: number) => ({ content: bytes(count, seed), lfs: true });

const UNET = 'unet/diffusion_pytorch_model.fp16.safetensors';
const INDEX = JSON.stringify({
  _class_name: 'StableDiffusionPipeline',
  safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
  scheduler: ['diffusers', 'DDIMScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: [null, null],
});

beforeEach(async () => {
  server = await HubServer.start(ID);
  server.files = {
    'README.md': small('---\nlicense: openrail++\ntags:\n- x\n---\n# tiny'),
    'model_index.json': small(INDEX),
    'scheduler/scheduler_config.json': small('{}'),
    'tokenizer/vocab.json': small('{"a":0}'),
    'tokenizer/merges.txt': small('#version'),
    'text_encoder/config.json': small('{}'),
    'text_encoder/model.safetensors': large(3000, 3),
    'text_encoder/pytorch_model.bin': large(3000, 4),
    'unet/config.json': small('{}'),
    [UNET]: large(200_000, 5),
    'unet/diffusion_pytorch_model.safetensors': large(400_000, 6),
    'safety_checker/model.safetensors': large(5000, 7),
    'vae/config.json': small('{}'),
    'tiny-sd.safetensors': large(9000, 8),
  };
  root = await mkdtemp(join(tmpdir(), 'cachequant-hub-'));
  settings = { endpoint: server.endpoint, cache: join(root, 'hub'), token: 'hf_secret', offline: false };
});

afterEach(async () => {
  await server.stop();
  await rm(root, { recursive: true });
});

const download = (options: DownloadOptions = {}) =>
  downloadModel(ID, { settings, attempts: 2, waitMs: 1, ...options });
const folder = () => join(settings.cache, 'models--someone--tiny-sd');
const blobOf = (path: string) => join(folder(), 'blobs', sha256(server.files[path]!.content));

describe('downloadModel(id)', () => {
  test('fetches what the pipeline needs, in the layout that Python shares', async () => {
    const model = await download();
    expect(model).toMatchObject({
      commit: server.commit,
      variant: 'fp16',
      license: 'openrail++',
      stale: false,
    });
    expect(model.files).toEqual([
      'README.md',
      'model_index.json',
      'scheduler/scheduler_config.json',
      'text_encoder/config.json',
      'text_encoder/model.safetensors',
      'tokenizer/merges.txt',
      'tokenizer/vocab.json',
      'unet/config.json',
      UNET,
    ]);
    expect(model.folder).toBe(join(folder(), 'snapshots', server.commit));
    for (const path of model.files) {
      expect(await readFile(join(model.folder, path))).toEqual(server.files[path]!.content);
    }
    expect(await readlink(join(model.folder, UNET))).toBe(
      join('..', '..', '..', 'blobs', sha256(server.files[UNET]!.content)),
    );
    expect(await readFile(join(folder(), 'refs', 'main'), 'utf8')).toBe(server.commit);
    expect((await readdir(join(folder(), 'blobs'))).length).toBe(
      new Set(model.files.map((path) => server.files[path]!.content.toString())).size,
    );
  });

  test('gives the token to the Hub and not to the storage that it points to', async () => {
    await download();
    const by = (host: string) =>
      new Set(server.seen.filter((one) => one.host === host).map((one) => one.authorization));
    expect(by('hub')).toEqual(new Set(['Bearer hf_secret']));
    expect(by('storage')).toEqual(new Set([undefined]));
  });

  test('takes another variant, only some files, or a revision with a slash, when asked for', async () => {
    const plain = await download({ files: ['unet/diffusion_pytorch_model.safetensors'] });
    expect(plain.files).toEqual(['unet/diffusion_pytorch_model.safetensors']);
    await expect(download({ variant: 'bf16' })).rejects.toMatchObject({
      code: 'invalid-argument',
      got: 'bf16',
    });
    await expect(download({ files: ['x'] })).rejects.toMatchObject({ reason: 'missing' });
    await download({ revision: 'refs/pr/1' });
    expect(await readFile(join(folder(), 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(server.commit);
  });

  test('fetches nothing twice, and asks nothing for a commit that is whole', async () => {
    await download();
    server.seen.length = 0;
    await download();
    expect(server.requests(/resolve/)).toEqual([]);
    server.seen.length = 0;
    const pinned = await download({ revision: server.commit });
    expect(pinned).toMatchObject({ commit: server.commit, license: 'openrail++', stale: false });
    expect(server.seen).toEqual([]);
  });

  test('tells bytes that have arrived, of all, and the time that is left', async () => {
    const told: HubProgress[] = [];
    await download({ onProgress: (progress) => told.push({ ...progress }) });
    const total = (await download()).files.reduce((sum, path) => sum + server.files[path]!.content.length, 0);
    expect(told.at(-1)).toMatchObject({ receivedBytes: total, totalBytes: total });
    told.reduce((before, { receivedBytes }) => {
      expect(receivedBytes).toBeGreaterThanOrEqual(before);
      return receivedBytes;
    }, 0);
  });
});

describe('downloadModel goes on', () => {
  test('where a connection was cut, as often as something new comes', async () => {
    server.troubles = [{ at: /^\/unet.*fp16/, times: 5, cutAfter: 30_000 }];
    const model = await download();
    expect(await readFile(join(model.folder, UNET))).toEqual(server.files[UNET]!.content);
    const ranges = server.seen.filter(({ host, path }) => host === 'storage' && path.includes('fp16'));
    expect(ranges.map(({ range }) => range)).toEqual([
      undefined,
      'bytes=30000-',
      'bytes=60000-',
      'bytes=90000-',
      'bytes=120000-',
      'bytes=150000-',
    ]);
  });

  test('from what a killed process left', async () => {
    server.troubles = [{ at: /^\/unet.*fp16/, times: 1, cutAfter: 50_000 }];
    const child = await spawnDownload();
    const partial = `${blobOf(UNET)}.incomplete`;
    await until(async () => ((await stat(partial).catch(() => undefined))?.size ?? 0) >= 50_000);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    server.troubles = [];
    server.seen.length = 0;
    const model = await download();
    expect(await readFile(join(model.folder, UNET))).toEqual(server.files[UNET]!.content);
    expect(server.requests(/fp16/).map(({ range }) => range)).toEqual(['bytes=50000-', 'bytes=50000-']);
    expect(await readdir(join(folder(), 'blobs'))).not.toContain(expect.stringContaining('incomplete'));
  });

  test('from the beginning when the server sends everything again', async () => {
    await mkdir(join(folder(), 'blobs'), { recursive: true });
    await writeFile(`${blobOf(UNET)}.incomplete`, server.files[UNET]!.content.subarray(0, 1000));
    server.troubles = [{ at: /^\/unet.*fp16/, ignoreRange: true }];
    const model = await download();
    expect(await readFile(join(model.folder, UNET))).toEqual(server.files[UNET]!.content);
  });

  test('in turn with another process that fetches the same', async () => {
    const models = await Promise.all([download(), download()]);
    expect(models[0]!.files).toEqual(models[1]!.files);
    expect(server.requests(/fp16/).filter(({ host }) => host === 'storage')).toHaveLength(1);
  });
});

describe('downloadModel refuses', () => {
  const status = (code: number, headers: Record<string, string> = {}, at = /\/api\//) => {
    server.troubles = [{ at, status: code, headers }];
    return download().then(
      () => expect.unreachable(),
      (error: unknown) => error,
    );
  };

  test('gated models, wrong tokens and missing models, each in its own words', async () => {
    expect(await status(403, { 'x-error-code': 'GatedRepo' })).toMatchObject({
      code: 'hub',
      reason: 'gated',
      hint: expect.stringContaining('accept'),
    });
    expect(await status(401, { 'x-error-code': 'GatedRepo' })).toMatchObject({ reason: 'gated' });
    expect(await status(401)).toMatchObject({ reason: 'unauthorized' });
    expect(await status(401, { 'x-error-code': 'RepoNotFound' })).toMatchObject({ reason: 'missing' });
    expect(await status(404)).toMatchObject({ reason: 'missing' });
    server.troubles = [];
    await expect(download({ revision: 'v9' })).rejects.toMatchObject({
      reason: 'missing',
      message: expect.stringContaining('no such revision'),
    });
    await expect(downloadModel('no/such', { settings, attempts: 1 })).rejects.toMatchObject({
      reason: 'missing',
    });
  });

  test('gated files of a model whose list is open', async () => {
    expect(await status(403, { 'x-error-code': 'GatedRepo' }, /resolve.*fp16/)).toMatchObject({
      reason: 'gated',
    });
  });

  test('after a limit on requests, with the time to wait, unless that is short', async () => {
    expect(await status(429, { 'retry-after': '300' })).toMatchObject({
      reason: 'rate-limited',
      retryAfterSeconds: 300,
      hint: expect.stringContaining('300 s'),
    });
    expect(server.seen).toHaveLength(1);
    server.troubles = [{ at: /\/api\//, status: 429, headers: { 'retry-after': '0' }, times: 1 }];
    expect((await download()).commit).toBe(server.commit);
  });

  test('errors of the server, after it has asked again', async () => {
    expect(await status(503)).toMatchObject({ reason: 'server' });
    expect(server.seen).toHaveLength(2);
    server.troubles = [{ at: /resolve.*fp16/, status: 500, times: 1 }];
    expect((await download()).commit).toBe(server.commit);
  });

  test('pages of a network that wants a login first', async () => {
    for (const at of [/revision/, /tree/]) {
      server.troubles = [{ at, page: '<html>Welcome to the hotel' }];
      await expect(download()).rejects.toMatchObject({
        reason: 'server',
        hint: expect.stringContaining('login'),
      });
    }
  });

  test('what does not fit on the disk, and folders that cannot be written, before it fetches', async () => {
    const listed = `/api/models/${ID}/tree`;
    const huge: typeof fetch = async (url, init) => {
      const response = await fetch(url, init);
      if (!String(url).includes(listed)) return response;
      const entries = (await response.json()) as { path: string; lfs?: { size: number } }[];
      for (const { path, lfs } of entries) if (path === UNET) lfs!.size = 2 ** 52;
      return new Response(JSON.stringify(entries), { headers: response.headers });
    };
    await expect(download({ fetch: huge })).rejects.toMatchObject({
      code: 'storage',
      expected: expect.stringContaining('free bytes'),
    });
    expect(server.requests(/resolve.*(fp16|vocab)/)).toEqual([]);
    await writeFile(join(root, 'file'), '');
    const cache = join(root, 'file', 'hub');
    await expect(download({ settings: { ...settings, cache } })).rejects.toMatchObject({
      code: 'storage',
      hint: expect.stringContaining('HF_HUB_CACHE'),
    });
  });

  test('files of another content, and keeps nothing of them', async () => {
    server.troubles = [{ at: /resolve.*vocab/, corrupt: true }];
    await expect(download()).rejects.toMatchObject({ reason: 'damaged' });
    server.troubles = [{ at: /^\/unet.*fp16/, corrupt: true }];
    await expect(download()).rejects.toMatchObject({ reason: 'damaged' });
    expect((await readdir(join(folder(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual(
      [],
    );
    await expect(lstat(join(folder(), 'snapshots', server.commit, UNET))).rejects.toThrow();
    await expect(lstat(join(folder(), 'refs', 'main'))).rejects.toThrow();
  });

  test('connections that are cut at the same byte again and again', async () => {
    server.troubles = [{ at: /^\/unet.*fp16/, cutAfter: 0 }];
    await expect(download()).rejects.toMatchObject({ reason: 'unreachable' });
  });

  test('models whose weights are pickles alone, before it fetches them', async () => {
    delete server.files['text_encoder/model.safetensors'];
    await expect(download()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining("part 'text_encoder'"),
    });
    expect(server.requests(/pytorch_model\.bin/)).toEqual([]);
  });

  test.each(['../x', 'a/b/c', 'a//b', '', 'a/b.git', '/etc'])('the id %j before it asks', async (id) => {
    await expect(downloadModel(id, { settings })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(download({ revision: '../../x' })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(server.seen).toEqual([]);
  });

  test('paths that leave the folder', async () => {
    server.files['../../outside.json'] = small('{}');
    await expect(download()).rejects.toThrow(/unexpected.*outside/);
  });
});

describe('downloadModel without a connection', () => {
  const nowhere = () => ({ ...settings, endpoint: 'http://127.0.0.1:1' });

  test('uses what is whole in the cache, and says that it may be old', async () => {
    await download();
    expect(await download({ settings: nowhere() })).toMatchObject({ commit: server.commit, stale: true });
    const offline = { ...settings, offline: true };
    server.seen.length = 0;
    expect(await download({ settings: offline })).toMatchObject({ commit: server.commit, stale: true });
    expect(server.seen).toEqual([]);
  });

  test('uses what an older huggingface_hub left, which kept no list of files', async () => {
    await download();
    await rm(join(folder(), 'cachequant'), { recursive: true });
    const model = await download({ settings: { ...settings, offline: true } });
    expect(model.files).toContain(UNET);
  });

  test('refuses what is not whole', async () => {
    await expect(download({ settings: nowhere() })).rejects.toMatchObject({ reason: 'unreachable' });
    await download();
    await rm(join(folder(), 'snapshots', server.commit, UNET));
    await expect(download({ settings: { ...settings, offline: true } })).rejects.toMatchObject({
      reason: 'offline',
      hint: expect.stringContaining('HF_HUB_OFFLINE'),
    });
  });

  test('stops on request', async () => {
    const controller = new AbortController();
    const onProgress = ({ receivedBytes }: HubProgress) => {
      if (receivedBytes > 5000) controller.abort();
    };
    await expect(download({ signal: controller.signal, onProgress })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect((await download()).files).toContain(UNET);
  });
});

/** The same download in a process of its own, which waits long before it goes on after a cut. */
async function spawnDownload(): Promise<ChildProcess> {
  const options = { settings, attempts: 9, waitMs: 60_000 };
  const outfile = join(root, 'child.mjs');
  await build({
    stdin: {
      contents: `
        import { downloadModel } from './index.ts';
        await downloadModel(${JSON.stringify(ID)}, ${JSON.stringify(options)});
      `,
      resolveDir: import.meta.dirname,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@cachequant/source'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  return spawn(process.execPath, [outfile], { stdio: 'inherit' });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
