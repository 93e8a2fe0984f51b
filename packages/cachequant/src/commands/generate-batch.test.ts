import { appendFileSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPngText } from '@cachequant/pipeline';
import { describe, expect, test } from 'vitest';
import {
  type CliSurroundings,
  cachequant,
  inRepository,
  temporaryFolder,
} from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

/** A folder with a tiny model, and a file of prompts of these lines. */
function prepared(lines: readonly (object | string)[]): string {
  const folder = temporaryFolder();
  makeTinyPipeline(join(folder, 'model'));
  writePrompts(folder, lines);
  return folder;
}

function writePrompts(folder: string, lines: readonly (object | string)[]): void {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  writeFileSync(join(folder, 'prompts.jsonl'), `${text}\n`);
}

const ARGV = [
  'generate',
  'model',
  '--prompts',
  'prompts.jsonl',
  '--out',
  'out',
  '--threads',
  '1',
  '--steps',
  '1',
];

function draw(folder: string, options: readonly string[] = [], surroundings: CliSurroundings = {}) {
  return cachequant([...ARGV, ...options], { cwd: folder, ...surroundings });
}

function resultsOf(folder: string): Record<string, unknown>[] {
  const text = readFileSync(join(folder, 'out/results.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const picturesOf = (folder: string) =>
  readdirSync(join(folder, 'out'))
    .filter((name) => name.endsWith('.png'))
    .sort();

describe('generate --prompts', () => {
  test('draws a picture a line, and records each once, with what it was made of', async () => {
    const folder = prepared([{ id: 'first', seed: 7 }, '', { steps: 2 }, { id: 'last' }]);
    const { exitCode, stdout, stderr } = await draw(folder, ['--seed', '100']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^3 pictures, 3 of them now in .*; out\/results\.jsonl says which is which\n$/);
    expect(resultsOf(folder)).toMatchObject([
      { line: 1, id: 'first', seed: 7, file: '1-image-7.png', width: 32, height: 32 },
      { line: 3, seed: 102, file: '3-image-102.png' },
      { line: 4, id: 'last', seed: 103, file: '4-image-103.png' },
    ]);
    const made = JSON.parse(readPngText(readFileSync(join(folder, 'out/3-image-102.png'))).cachequant!);
    expect(made).toMatchObject({ seed: 102, steps: 2, width: 32, model: { kind: 'folder', name: 'model' } });
  });

  test('draws no line again that has a result, and those alone that were added', async () => {
    const folder = prepared([{ seed: 1 }, { seed: 2 }]);
    await draw(folder);
    const before = readFileSync(join(folder, 'out/results.jsonl'), 'utf8');
    const again = await draw(folder, ['--json']);
    expect(again.stderr).toContain('2 of 2 lines are done already');
    expect(JSON.parse(again.stdout)).toMatchObject({ lines: 2, drawn: 0, failed: 0 });
    expect(readFileSync(join(folder, 'out/results.jsonl'), 'utf8')).toBe(before);
    appendFileSync(join(folder, 'prompts.jsonl'), '{"seed": 3}\n');
    expect((await draw(folder)).exitCode).toBe(0);
    expect(resultsOf(folder).map(({ line, seed }) => [line, seed])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('goes on after an end in the middle of a record, and makes no second file of a picture', async () => {
    const folder = prepared([{ seed: 1 }, { seed: 2 }, { seed: 3 }]);
    await draw(folder);
    const [first, second] = readFileSync(join(folder, 'out/results.jsonl'), 'utf8').split('\n');
    const pictures = picturesOf(folder);
    for (const end of ['', '{', second!.slice(0, -1), second!]) {
      writeFileSync(join(folder, 'out/results.jsonl'), `${first}\n${end}`);
      if (end === '{') rmSync(join(folder, 'out', pictures[2]!));
      expect((await draw(folder)).exitCode).toBe(0);
      expect(resultsOf(folder).map(({ line }) => line)).toEqual([1, 2, 3]);
      expect(picturesOf(folder)).toEqual(pictures);
    }
  });

  test('stops when it is told to, and the same command goes on', async () => {
    const folder = prepared(Array.from({ length: 30 }, (_, seed) => ({ seed, steps: 4 })));
    const controller = new AbortController();
    const run = draw(folder, [], { signal: controller.signal });
    const soon = setInterval(() => {
      if (picturesOfOrNone(folder).length >= 2) controller.abort();
    }, 5);
    const stopped = await run;
    clearInterval(soon);
    expect(stopped.exitCode).toBe(130);
    const done = resultsOf(folder).length;
    expect(done).toBeGreaterThanOrEqual(1);
    expect(done).toBeLessThan(30);
    const { stderr, exitCode } = await draw(folder);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`${done} of 30 lines are done already`)]);
    expect(resultsOf(folder).map(({ line }) => line)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(picturesOf(folder)).toHaveLength(30);
  });

  test('reads the standard input', async () => {
    const folder = prepared([]);
    const argv = ['generate', 'model', '--prompts', '-', '--out', 'out', '--threads', '1', '--steps', '1'];
    const { exitCode } = await cachequant(argv, { cwd: folder, stdin: '{"seed": 5}\n{"seed": 6}' });
    expect(exitCode).toBe(0);
    expect(resultsOf(folder).map(({ seed }) => seed)).toEqual([5, 6]);
  });

  test('names every line that cannot be drawn before it draws any', async () => {
    const folder = prepared([
      { seed: 1 },
      '{"seed": ',
      { seeds: 3 },
      { seed: -1 },
      { steps: 'many' },
      [],
      { width: 1e9 },
    ]);
    const { exitCode, stderr } = await draw(folder);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('prompts.jsonl: 6 lines cannot be drawn; nothing was drawn');
    for (const text of [
      'line 2: no JSON object',
      'line 3: there is no field "seeds" (expected id, prompt, ',
      'line 4: seed: ',
      'line 5: steps: expected number, received string',
      'line 6: no JSON object',
      'line 7: width: ',
    ]) {
      expect(stderr).toContain(text);
    }
    expect(readdirSync(folder)).not.toContain('out');
  });

  test.each([
    [
      'a prompt for a model without text',
      [{ seed: 1 }, { prompt: 'x' }],
      'line 2: prompt: the model takes no text',
    ],
    ['a size that it cannot make', [{ seed: 1 }, {}, { width: 33 }], 'line 3: width: '],
    ['more steps than it has', [{ steps: 1001 }], 'line 1: '],
    ['a sampler that there is none of', [{ sampler: 'magic' }], 'line 1: createSampler: there is no sampler'],
  ])('names a line with %s by the model, before its first call', async (_, lines, message) => {
    const folder = prepared(lines);
    const { exitCode, stderr } = await draw(folder);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).toContain('nothing was drawn');
    expect(picturesOfOrNone(folder)).toEqual([]);
  });

  test('records what fails when it is drawn, draws the rest, and tries it again when asked to', async () => {
    const folder = prepared([]);
    const argv = [...ARGV, '--strict'].map((one) =>
      one === 'model' ? inRepository('models/fashion-sd') : one,
    );
    writePrompts(folder, [
      { prompt: 'a shoe', seed: 1 },
      { prompt: 'word '.repeat(200), seed: 2 },
      { prompt: 'a bag', seed: 3 },
    ]);
    const { exitCode, stderr } = await cachequant(argv, { cwd: folder });
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining('1 of 3 lines failed, the others are drawn'),
    ]);
    expect(stderr).not.toContain('bug in cachequant');
    expect(resultsOf(folder)).toMatchObject([
      { line: 1, file: '1-a-shoe-1.png' },
      { line: 2, error: { code: expect.any(String), message: expect.stringContaining('too long') } },
      { line: 3, file: '3-a-bag-3.png' },
    ]);
    const again = await cachequant(argv, { cwd: folder });
    expect([again.exitCode, resultsOf(folder).length]).toEqual([1, 3]);
    const retried = await cachequant([...argv.filter((one) => one !== '--strict'), '--retry-errors'], {
      cwd: folder,
    });
    expect([retried.exitCode, retried.stderr]).toEqual([0, expect.stringContaining('2 of 3 lines are done')]);
    expect(resultsOf(folder).map(({ line, error }) => [line, error])).toEqual([
      [1, undefined],
      [3, undefined],
      [2, undefined],
    ]);
  });

  test.each([
    [
      'other prompts',
      (folder: string) => writePrompts(folder, [{ seed: 1 }, { seed: 9 }]),
      'results of other prompts',
    ],
    ['fewer lines', (folder: string) => writePrompts(folder, [{ seed: 1 }]), 'no such line'],
    [
      'another model',
      (folder: string) => makeTinyPipeline(join(folder, 'model'), 'DDPMScheduler'),
      'results of other prompts',
    ],
    [
      'a file of somebody else’s',
      (folder: string) => writeFileSync(join(folder, 'out/results.jsonl'), 'mine\n'),
      'something other than results',
    ],
    [
      'two results of a line',
      (folder: string) =>
        appendFileSync(join(folder, 'out/results.jsonl'), readFileSync(join(folder, 'out/results.jsonl'))),
      'something other than results',
    ],
    [
      'a link in place of the results',
      (folder: string) => {
        rmSync(join(folder, 'out/results.jsonl'));
        writeFileSync(join(folder, 'elsewhere'), '');
        symlinkSync(join(folder, 'elsewhere'), join(folder, 'out/results.jsonl'));
      },
      'the results cannot be written',
    ],
  ])('refuses a folder with %s', async (_, change, message) => {
    const folder = prepared([{ seed: 1 }, { seed: 2 }]);
    await draw(folder);
    change(folder);
    const before = readFileSync(join(folder, 'out/results.jsonl'));
    const { exitCode, stderr } = await draw(folder);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(stderr).not.toContain('bug in cachequant');
    expect(readFileSync(join(folder, 'out/results.jsonl')).equals(before)).toBe(true);
  });

  test('refuses a folder that another run is at work in', async () => {
    const folder = prepared(Array.from({ length: 20 }, (_, seed) => ({ seed, steps: 3 })));
    const controller = new AbortController();
    const first = draw(folder, [], { signal: controller.signal });
    while (picturesOfOrNone(folder).length === 0) await new Promise((soon) => setTimeout(soon, 5));
    const second = await draw(folder);
    controller.abort();
    await first;
    expect([second.exitCode, second.stderr]).toEqual([
      1,
      expect.stringContaining('another run is using this folder'),
    ]);
  });

  test.each([
    [['--prompt', 'x'], 'give either --prompt or --prompts'],
    [['--count', '2'], '--count does not go with --prompts'],
    [['--like', 'x.png'], 'give either --like or --prompts'],
    [['--queue', 'redis://127.0.0.1:1'], "option '--pictures <place>' is missing"],
    [['--queue', 'redis://127.0.0.1:1', '--threads', '1'], '--threads does not go with --queue'],
  ])('is wrong usage with %j', async (options, message) => {
    const folder = prepared([{ seed: 1 }]);
    const argv = ['generate', 'model', '--prompts', 'prompts.jsonl', '--out', 'out'];
    const { exitCode, stderr } = await cachequant([...argv, ...options], { cwd: folder });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

function picturesOfOrNone(folder: string): string[] {
  try {
    return picturesOf(folder);
  } catch {
    return [];
  }
}
