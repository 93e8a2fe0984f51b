import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

const OPTIMIZE = [
  ...['optimize', 'model', '--steps', '4', '--interval', '2', '--layers', 'all', '--effort', 'fast'],
  ...['--width', '16', '--height', '16', '--calibration-images', '5', '--verification-images', '1'],
  ...['--schedule', 'forecast-dp', '--keep-work'],
];
const EVALUATE = ['evaluate', 'model', '--reference', 'other', '--steps', '2', '--images', '5'];

async function run(folder: string, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cachequant(argv, { cwd: folder });
  expect(exitCode, stderr.slice(-3000)).toBe(0);
  return stdout;
}

async function fails(folder: string, ...argv: string[]): Promise<string> {
  const { exitCode, stderr } = await cachequant(argv, { cwd: folder });
  expect(exitCode).not.toBe(0);
  return stderr;
}

/** Contents of a folder's files, in hexadecimal, so that a difference is told in one line. */
function contents(folder: string, wanted: RegExp): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
  return Object.fromEntries(
    paths
      .filter((path) => wanted.test(path))
      .map((path) => [path, readFileSync(join(folder, path)).toString('hex')]),
  );
}

describe('optimize in shards', { timeout: 600_000 }, () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cachequant-shards-'));
    makeTinyPipeline(join(folder, 'model'));
    await run(folder, ...OPTIMIZE, '--out', 'whole');
    const stdout = await run(folder, ...OPTIMIZE, '--out', 'merged', '--shard', '1/2');
    expect(stdout).toContain('shard 1 of 2: 3 images observed');
    expect(stdout).toContain(join(folder, 'merged.work.shard-1-of-2'));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('names the shards that are missing', async () => {
    expect(await fails(folder, ...OPTIMIZE, '--out', 'merged', '--merge')).toMatch(
      /shards: shards are missing \(expected 2 shards, got no shard 2 of 2\)/,
    );
    expect(await fails(folder, ...OPTIMIZE, '--out', 'none', '--merge')).toMatch(
      /shards are missing \(expected finished shards\)/,
    );
  });

  it('makes of all shards what a single run makes, bit by bit', async () => {
    await run(folder, ...OPTIMIZE, '--out', 'merged', '--shard', '2/2');
    await run(folder, ...OPTIMIZE, '--out', 'merged', '--merge');
    for (const [place, wanted] of [
      ['.work', /^(stages\/observe\.|float\/trajectory\/)/],
      ['', /^(denoiser|planning)\//],
    ] as const) {
      const [whole, merged] = ['whole', 'merged'].map((name) => contents(join(folder, name + place), wanted));
      expect(Object.keys(whole!).length).toBeGreaterThan(4);
      expect(Object.keys(merged!)).toEqual(Object.keys(whole!));
      const differing = Object.keys(whole!).filter((path) => whole![path] !== merged![path]);
      expect(differing).toEqual([]);
    }
  });

  it('refuses shards that are there twice, of another number, or of other options', async () => {
    const shard = join(folder, 'merged.work.shard-1-of-2');
    cpSync(shard, join(folder, 'copy'), { recursive: true });
    const merge = async (...folders: string[]) => {
      rmSync(join(folder, 'again.work'), { recursive: true, force: true });
      return fails(folder, ...OPTIMIZE, '--out', 'again', '--merge', ...folders);
    };
    expect(await merge(shard, 'copy')).toMatch(/a shard is there twice .*shard 1 of 2 in .*and .*copy/);
    await run(folder, ...OPTIMIZE, '--out', 'third', '--shard', '1/3');
    expect(await merge(shard, 'third.work.shard-1-of-3')).toMatch(
      /different numbers \(expected shards of 2, got shard 1 of 3 in .*third/,
    );
    await run(folder, ...OPTIMIZE, '--seed', '9', '--out', 'other', '--shard', '2/2');
    expect(await merge(shard, 'other.work.shard-2-of-2')).toMatch(
      /shard 2 of 2 in .*other.*: a shard is of another optimization/,
    );
    rmSync(join(folder, 'copy/shard/image-0.json'));
    expect(await merge('copy', 'merged.work.shard-2-of-2')).toMatch(/copy: a shard lacks image 0/);
    expect(await merge('model')).toMatch(/holds no finished shard .*got .*model/);
  });

  it('refuses shards that cannot be, before anything runs', async () => {
    expect(await fails(folder, ...OPTIMIZE, '--out', 'x', '--shard', '3/2')).toMatch(
      /i\/n with i from 1 to n/,
    );
    expect(await fails(folder, ...OPTIMIZE, '--out', 'x', '--shard', '1/9')).toMatch(
      /more shards than images/,
    );
    expect(await fails(folder, ...OPTIMIZE, '--out', 'x', '--shard', '1/2', '--merge')).toMatch(
      /either --shard or --merge/,
    );
  });
});

/** The command as `npm run build` leaves it; undefined before that. */
function builtCommand(): string | undefined {
  const bin = inRepository('packages/cachequant/dist/bin.js');
  return existsSync(inRepository('packages/cachequant/dist/options/shards.js'))
    ? `${process.execPath} ${bin}`
    : undefined;
}

describe.skipIf(process.platform === 'win32')('deploy/shards', { timeout: 600_000 }, () => {
  const evaluation = (folder: string) => {
    for (const name of ['model', 'other']) makeTinyPipeline(join(folder, name));
    return [
      ...EVALUATE.slice(0, 4),
      '--steps',
      '1',
      '--images',
      '3',
      '--threads',
      '1',
      '--out',
      'result.json',
    ];
  };
  const sh = (folder: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv) =>
    execFileSync('sh', [inRepository(`deploy/shards/${script}`), ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const imagesIn = (folder: string) =>
    (JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as { images: number }).images;

  it('local.sh runs shards side by side by xargs, and merges them', (context) => {
    const command = builtCommand();
    if (!command) return context.skip('not built: npm run build');
    const folder = temporaryFolder();
    sh(folder, 'local.sh', ['2', ...evaluation(folder)], { CACHEQUANT: command });
    expect(imagesIn(folder)).toBe(3);
    expect(readdirSync(folder).filter((name) => name.includes('shard'))).toEqual([]);
  });

  it('array.slurm takes the shard of its task, and merges without one', (context) => {
    const command = builtCommand();
    if (!command) return context.skip('not built: npm run build');
    const folder = temporaryFolder();
    const args = evaluation(folder).filter(
      (word, i, all) => word !== '--threads' && all[i - 1] !== '--threads',
    );
    for (const task of ['1', '2']) {
      const env = { SLURM_ARRAY_TASK_ID: task, SLURM_ARRAY_TASK_COUNT: '2', SLURM_CPUS_PER_TASK: '1' };
      sh(folder, 'array.slurm', args, { ...env, CACHEQUANT: command });
    }
    expect(readdirSync(folder).filter((name) => name.includes('shard'))).toHaveLength(2);
    sh(folder, 'array.slurm', args, { CACHEQUANT: command });
    expect(imagesIn(folder)).toBe(3);
  });
});

describe('evaluate in shards', { timeout: 300_000 }, () => {
  it('measures in shards what a single run measures, and names shards that do not fit', async () => {
    const folder = temporaryFolder();
    for (const [name, sampler] of [
      ['model', 'DDIMScheduler'],
      ['other', 'DPMSolverMultistepScheduler'],
    ] as const) {
      makeTinyPipeline(join(folder, name), sampler);
    }
    const shard = (text: string) => run(folder, ...EVALUATE, '--out', 'merged.json', '--shard', text);
    const merge = (...files: string[]) =>
      fails(folder, ...EVALUATE, '--out', 'merged.json', '--merge', ...files);
    await run(folder, ...EVALUATE, '--out', 'whole.json');
    expect(await merge()).toMatch(/shards are missing/);
    await shard('1/3');
    await shard('3/3');
    expect(await merge()).toMatch(/got no shard 2 of 3/);
    expect(await shard('2/3')).toContain('shard 2 of 3 is measured');

    const [first, second, third] = [1, 2, 3].map((index) => join(folder, `merged.json.shard-${index}-of-3`));
    cpSync(first!, join(folder, 'copy'));
    expect(await merge(first!, 'copy', second!, third!)).toMatch(
      /a shard is there twice .*copy, and .*shard-1-of-3/,
    );
    const saved = JSON.parse(readFileSync(first!, 'utf8')) as { images: unknown[]; total: number };
    writeFileSync(join(folder, 'copy'), JSON.stringify({ ...saved, images: saved.images.slice(1) }));
    expect(await merge('copy', second!, third!)).toMatch(/not finished .*no image 0 in .*copy/);
    writeFileSync(join(folder, 'copy'), JSON.stringify({ ...saved, total: 6 }));
    expect(await merge('copy', second!, third!)).toMatch(/of another evaluation .*shard 1 of 3 in .*copy/);
    writeFileSync(join(folder, 'copy'), 'notes');
    expect(await merge('copy', second!, third!)).toMatch(/copy: the file is not one that a shard/);

    await run(folder, ...EVALUATE, '--out', 'merged.json', '--merge');
    const result = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as object;
    expect(result('merged.json')).toEqual(result('whole.json'));
    expect(existsSync(first!)).toBe(false);
  });
});
