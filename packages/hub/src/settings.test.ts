import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { hubSettings } from './index.js';

const home = await mkdtemp(join(tmpdir(), 'cachequant-home-'));
afterAll(() => rm(home, { recursive: true }));

describe('hubSettings(environment)', () => {
  test('has the defaults of huggingface_hub', async () => {
    expect(await hubSettings({ HOME: home })).toEqual({
      endpoint: 'https://huggingface.co',
      cache: join(home, '.cache', 'huggingface', 'hub'),
      token: undefined,
      offline: false,
    });
  });

  test.each([
    [{ HF_HOME: '/h' }, { cache: '/h/hub' }],
    [{ XDG_CACHE_HOME: '/x' }, { cache: '/x/huggingface/hub' }],
    [{ HF_HOME: '/h', HF_HUB_CACHE: '/c' }, { cache: '/c' }],
    [{ HUGGINGFACE_HUB_CACHE: '~/old' }, { cache: join(home, 'old') }],
    [{ HF_ENDPOINT: 'https://mirror.example/' }, { endpoint: 'https://mirror.example' }],
    [{ HF_TOKEN: ' hf_a\n' }, { token: 'hf_a' }],
    [{ HF_TOKEN: 'hf_a', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, { token: undefined }],
    [{ HF_HUB_OFFLINE: 'true' }, { offline: true }],
    [{ HF_HUB_OFFLINE: '0' }, { offline: false }],
  ])('takes %j', async (environment, wanted) => {
    expect(await hubSettings({ HOME: home, ...environment })).toMatchObject(wanted);
  });

  test('reads the token that `hf auth login` wrote, unless one is given', async () => {
    await mkdir(join(home, 'hf'));
    await writeFile(join(home, 'hf', 'token'), 'hf_file\n');
    const environment = { HOME: home, HF_HOME: join(home, 'hf') };
    expect((await hubSettings(environment)).token).toBe('hf_file');
    expect((await hubSettings({ ...environment, HF_TOKEN: 'hf_env' })).token).toBe('hf_env');
    const elsewhere = { HOME: home, HF_TOKEN_PATH: join(home, 'hf', 'token') };
    expect((await hubSettings(elsewhere)).token).toBe('hf_file');
  });
});
