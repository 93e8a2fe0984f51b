import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { serve } from '../__fixtures__/serve.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

describe('serve', () => {
  test('draws by each of its models, logs to stdout, and ends well when it is told to', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const { url, stop } = await serve(['pixels', 'other=pixels'], folder);
    const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(['pixels', 'other']);
    for (const model of ['pixels', 'other']) {
      const answer = await post(url, { prompt: '', model, seed: 3, num_inference_steps: 1 });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ size: '32x32', data: [{ seed: 3 }] });
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const { exitCode, stdout, stderr } = await stop();
    expect(exitCode).toBe(0);
    expect(stderr).toBe(`${url} serves pixels, other\n`);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(
      expect.arrayContaining(['model loaded', 'ready', 'drawn', 'answered', 'model left memory']),
    );
    await expect(fetch(url)).rejects.toThrow();
  });

  test('takes keys from a file', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    writeFileSync(join(folder, 'keys.txt'), 'first\n\nsecond\r\n');
    const { url } = await serve(['pixels', '--api-keys', 'keys.txt'], folder);
    const body = { prompt: '', num_inference_steps: 1 };
    expect((await post(url, body)).status).toBe(401);
    expect((await post(url, body, { authorization: 'Bearer second' })).status).toBe(200);
  });

  test.each([
    ['a folder that there is none of', ['nowhere'], 'there is no such file or folder'],
    ['a folder without a model', ['empty'], 'the folder holds no diffusion model'],
    ['two models of one name', ['pixels', 'pixels'], 'two models have the same name'],
    ['a model beyond the bound of memory', ['pixels', '--memory', '1kB'], 'does not fit within the bound'],
    ['a file without keys', ['pixels', '--api-keys', 'no-keys.txt'], 'there are no keys in the file'],
    ['a file of keys that there is none of', ['pixels', '--api-keys', 'none.txt'], 'there is no such file'],
    [
      'a warm-up picture that cannot be generated',
      ['pixels', '--port', '0', '--warm-up-steps', '5000'],
      'steps',
    ],
  ])('fails for %s and says why', async (_, argv, message) => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'no-keys.txt'), '\n \n');
    const { exitCode, stderr } = await cachequant(['serve', ...argv], { cwd: folder });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });

  test('refuses to guess which of several models an option is for', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const argv = ['serve', 'pixels', 'other=pixels', '--lora', 'style.safetensors'];
    const { exitCode, stderr } = await cachequant(argv, { cwd: folder });
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining('--lora says how one model is read, and 2 are given'),
    ]);
  });

  test('fails for a port that is taken and says so', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const { exitCode, stderr } = await cachequant(['serve', 'pixels', '--port', String(port)], {
      cwd: folder,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Another program does; give another --port.');
  });

  test.each([
    ['a size without a number', ['--memory', 'much'], 'Expected a size such as 6GB'],
    ['no models', [], 'missing required argument'],
  ])('is wrong usage with %s', async (_, argv, message) => {
    const models = argv.length > 0 ? ['pixels'] : [];
    const { exitCode, stderr } = await cachequant(['serve', ...models, ...argv]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
