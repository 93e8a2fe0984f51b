import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPngText } from '@cachequant/pipeline';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { findServer, missingServer, startRedis } from '../../../../scripts/redis/redis-server.mjs';
import { type CliResult, cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

beforeEach((context) => {
  if (findServer() !== undefined) return;
  if (process.env.CI) throw new Error(missingServer);
  context.skip(missingServer);
});

/** Starts a command that goes on until it is stopped, and resolves when it has said what is expected. */
async function start(
  argv: readonly string[],
  cwd: string,
  said: RegExp,
): Promise<{ match: string; stop: () => Promise<CliResult> }> {
  const controller = new AbortController();
  let ended: Promise<CliResult> | undefined;
  const match = await new Promise<string>((resolve, reject) => {
    ended = cachequant(argv, {
      cwd,
      signal: controller.signal,
      onStderr: (text) => {
        const [, found] = said.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      },
    });
    ended.then((result) => reject(new Error(JSON.stringify(result))));
  });
  const stop = () => {
    controller.abort();
    return ended!;
  };
  onTestFinished(async () => void (await stop()));
  return { match, stop };
}

describe('serve, worker and generate over a queue', () => {
  test('draw a picture once for whoever asks for it, and end well', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const place = ['--queue', redis.address, '--pictures', 'pictures'];
    const worker = await start(
      ['worker', 'pixels', ...place, '--threads', '1', '--warm-up-steps', '1', '--health-port', '0'],
      folder,
      /generates with pixels\nhealth and metrics at (\S+)\n/,
    );
    expect((await fetch(`${worker.match}/readyz`)).status).toBe(200);
    const front = await start(['serve', ...place, '--port', '0'], folder, /(http:\S+) serves/);
    const url = front.match;
    while (!(await fetch(`${url}/readyz`)).ok) await new Promise((soon) => setTimeout(soon, 20));

    const answer = await fetch(`${url}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: '', seed: 3, n: 2, num_inference_steps: 1 }),
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ size: '32x32', data: [{ seed: 3 }, { seed: 4 }] });

    writeFileSync(
      join(folder, 'prompts.jsonl'),
      [{ seed: 3 }, { seed: 4 }, { seed: 5 }, { seed: 6, steps: 5000 }]
        .map((line) => `${JSON.stringify({ steps: 1, ...line })}\n`)
        .join(''),
    );
    const argv = ['generate', 'pixels', '--prompts', 'prompts.jsonl', '--out', 'out', ...place];
    const batch = await cachequant(argv, { cwd: folder });
    expect([batch.exitCode, batch.stderr]).toEqual([1, expect.stringContaining('1 of 4 lines failed')]);
    const results = readFileSync(join(folder, 'out/results.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .sort((a, b) => a.line - b.line);
    expect(results).toMatchObject([
      { line: 1, seed: 3, file: '1-image-3.png', width: 32 },
      { line: 2, seed: 4 },
      { line: 3, seed: 5 },
      { line: 4, error: { code: 'invalid-argument', message: expect.stringContaining('steps') } },
    ]);
    const made = JSON.parse(readPngText(readFileSync(join(folder, 'out/1-image-3.png'))).cachequant!);
    expect(made).toMatchObject({ seed: 3, steps: 1, model: { kind: 'folder', name: 'pixels' } });

    // The same picture as without a queue.
    const local = await cachequant(
      ['generate', 'pixels', '--prompts', '-', '--out', 'local', '--threads', '1'],
      { cwd: folder, stdin: '{"seed": 3, "steps": 1}' },
    );
    expect(local.exitCode).toBe(0);
    const bytes = (path: string) => readFileSync(join(folder, path));
    expect(bytes('local/1-image-3.png').equals(bytes('out/1-image-3.png'))).toBe(true);

    const metrics = await (await fetch(`${worker.match}/metrics`)).text();
    expect(metrics).toContain('cachequant_picture_seconds_count{model="pixels"} 3\n');
    const ended = await worker.stop();
    expect(ended.exitCode).toBe(0);
    const drawn = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    // Pictures of one request are queued side by side: which comes first is not said.
    const seeds = drawn.filter(({ msg }) => msg === 'drawn').map(({ seed }) => seed);
    expect(seeds.sort()).toEqual([3, 4, 5]);
    expect(
      readdirSync(join(folder, 'pictures'), { recursive: true }).filter((name) =>
        String(name).endsWith('.png'),
      ),
    ).toHaveLength(3);
    const { exitCode, stdout } = await front.stop();
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain('"level":50');
  });
});

describe('the options of a queue', () => {
  test('name the port of health that another program has', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const port = new URL(redis.address).port;
    const { exitCode, stderr } = await cachequant(
      ['worker', 'pixels', '--queue', redis.address, '--pictures', 'p', '--health-port', port],
      { cwd: folder },
    );
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining(`127.0.0.1:${port}: the server cannot listen there (got EADDRINUSE)`),
    ]);
    expect(stderr).toContain('give another --health-port');
  });

  test.each([
    ['a worker without a queue', ['worker', 'pixels'], "option '--queue <url>' is missing"],
    [
      'a worker without a place',
      ['worker', 'pixels', '--queue', 'redis://x'],
      "option '--pictures <place>' is missing",
    ],
    [
      'a front with models',
      ['serve', 'pixels', '--queue', 'redis://x', '--pictures', 'p'],
      'the workers have the models',
    ],
    ['a server without models', ['serve'], "missing required argument 'models', or --queue"],
    [
      'a place that is none',
      ['serve', '--queue', 'redis://x', '--pictures', 'ftp://x'],
      '--pictures takes a folder or s3:',
    ],
    ['a queue without a file', ['generate', 'pixels', '--queue', 'redis://x'], '--queue goes with --prompts'],
  ])('are wrong usage for %s', async (_, argv, message) => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'pixels'));
    const { exitCode, stderr } = await cachequant(argv, { cwd: folder });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test.each([
    ['http://localhost', 'this is no address of a queue'],
    ['redis://:secret@127.0.0.1:1', 'the queue cannot be reached'],
  ])('name %s without its password', async (queue, message) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'prompts.jsonl'), '{"seed": 1}\n');
    const argv = ['generate', 'x', '--prompts', 'prompts.jsonl', '--out', 'out'];
    const { exitCode, stderr } = await cachequant([...argv, '--queue', queue, '--pictures', 'p'], {
      cwd: folder,
    });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toContain('bug in cachequant');
  });

  test('say which models there are', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'prompts.jsonl'), '{"seed": 1}\n');
    const argv = ['generate', 'x', '--prompts', 'prompts.jsonl', '--out', 'out'];
    const place = ['--queue', redis.address, '--pictures', 'p'];
    const { exitCode, stderr } = await cachequant([...argv, ...place], { cwd: folder });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('no worker draws by this model')]);
  });
});
