import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';

const SETTINGS = [
  '--steps=4',
  '--interval=2',
  '--bits=none',
  '--schedule=uniform',
  '--calibration-images=2',
  '--verification-images=1',
  '--threads=1',
];

let folder: string;
let stopped: CliResult;
let filesAfterStop: string[];
let finished: CliResult;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cachequant-optimize-'));
  makeTinyPipeline(join(folder, 'model'));
  const command = ['optimize', 'model', '--out', 'bundle', ...SETTINGS];
  const controller = new AbortController();
  stopped = await cachequant(command, {
    cwd: folder,
    signal: controller.signal,
    onStderr: (text) => {
      if (text.includes('try the uniform schedule')) controller.abort();
    },
  });
  filesAfterStop = readdirSync(folder).sort();
  finished = await cachequant([...command, '--json'], { cwd: folder });
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('optimize', () => {
  test('stops on request with exit code 130, leaves its finished stages alone, and says how to go on', () => {
    expect(stopped.exitCode).toBe(130);
    expect(filesAfterStop).toEqual(['bundle.work', 'model']);
    expect(stopped.stderr).toContain('run the same command again to go on from there.');
    expect(stopped.stdout).toBe('');
  });

  test('goes on where it stopped', () => {
    expect(finished.stderr).toContain('observe the float model: done before');
    expect(finished.stderr).not.toContain('compare with the original: done before');
    expect(finished.exitCode).toBe(0);
  });

  test('leaves the bundle, its report, and nothing else', () => {
    expect(readdirSync(folder).sort()).toEqual(['bundle', 'model']);
    expect(readdirSync(join(folder, 'bundle'))).toEqual(
      expect.arrayContaining(['cachequant.json', 'denoiser', 'report.html', 'scheduler']),
    );
  });

  test('--json prints what was measured and decided', () => {
    const made = JSON.parse(finished.stdout) as {
      bundle: string;
      sizes: { sourceTotal: number };
      manifest: { schedule: { refreshCalls: number[] } };
      verification: { images: number; speedup: number };
    };
    expect(made.bundle).toBe(join(folder, 'bundle'));
    expect(made.manifest.schedule.refreshCalls).toEqual([0, 2]);
    expect(made.verification.images).toBe(1);
    expect(made.verification.speedup).toBeGreaterThan(0);
    expect(made.sizes.sourceTotal).toBeGreaterThan(1_800_000);
  });

  test('--dry-run says what it would take and makes nothing', async () => {
    const { exitCode, stdout } = await cachequant(
      ['optimize', 'model', '--out', 'other', '--dry-run', ...SETTINGS],
      {
        cwd: folder,
      },
    );
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/time +[\d.]+ s/);
    expect(stdout).toContain('refresh the cache at 2 of 4 network calls');
    expect(readdirSync(folder).sort()).toEqual(['bundle', 'model']);
  });
});

describe('optimize keeps to what is its own', () => {
  /** Runs it where another bundle is, with what was put there beside. */
  async function optimizeAgain(prepare: (place: string) => void, argv: readonly string[] = []) {
    const place = temporaryFolder();
    makeTinyPipeline(join(place, 'model'));
    cpSync(join(folder, 'bundle'), join(place, 'bundle'), { recursive: true });
    prepare(place);
    const before = treeOf(place);
    const result = await cachequant(['optimize', 'model', '--out', 'bundle', ...SETTINGS, ...argv], {
      cwd: place,
    });
    return { place, before, after: treeOf(place), ...result };
  }

  test.each<[string, string, (place: string) => void]>([
    [
      'a person’s file in the bundle that would be replaced',
      'bundle/pictures/shoe.png',
      (place) => {
        mkdirSync(join(place, 'bundle/pictures'));
        writeFileSync(join(place, 'bundle/pictures/shoe.png'), 'precious');
      },
    ],
    [
      'a link in the bundle that would be replaced',
      'bundle/text_encoder',
      (place) => {
        mkdirSync(join(place, 'elsewhere'));
        writeFileSync(join(place, 'elsewhere/model.onnx'), 'precious');
        symlinkSync(join(place, 'elsewhere'), join(place, 'bundle/text_encoder'));
      },
    ],
    [
      'a link in the work folder',
      'bundle.work/stages',
      (place) => {
        mkdirSync(join(place, 'elsewhere'));
        mkdirSync(join(place, 'bundle.work'));
        writeFileSync(join(place, 'elsewhere/thesis.txt'), 'precious');
        writeFileSync(join(place, 'bundle.work/written.txt'), '"stages/thesis.txt"\n');
        symlinkSync(join(place, 'elsewhere'), join(place, 'bundle.work/stages'));
      },
    ],
    ...['partial', 'replaced'].map((ending): [string, string, (place: string) => void] => [
      `a folder of the person’s that is called bundle.${ending}`,
      `bundle.${ending}`,
      (place) => {
        mkdirSync(join(place, `bundle.${ending}`));
        writeFileSync(join(place, `bundle.${ending}/thesis.txt`), 'precious');
      },
    ]),
  ])('%s: refused, and everything stays', async (_, where, prepare) => {
    const { exitCode, stderr, before, after } = await optimizeAgain(prepare);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(where);
    expect(stderr).not.toContain('bug in cachequant');
    expect(after).toEqual(before);
  });

  test('a second run into the same bundle or work folder is refused while the first goes on', async () => {
    for (const name of ['bundle', 'bundle.work']) {
      const place = temporaryFolder();
      makeTinyPipeline(join(place, 'model'));
      const lock = await nodeStorage(place).lock(name);
      const refused = await cachequant(['optimize', 'model', '--out', 'bundle', ...SETTINGS], { cwd: place });
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain('another run is using this folder');
      await lock.release();
      expect(readdirSync(place)).toEqual(['model']);
    }
  });

  test('copies what the pipeline needs, removes what earlier runs have left half done, and nothing else', {
    timeout: 300_000,
  }, async () => {
    const { exitCode, place, after } = await optimizeAgain((there) => {
      const put = (path: string, content: string) => {
        mkdirSync(dirname(join(there, path)), { recursive: true });
        writeFileSync(join(there, path), content);
      };
      put('bundle.partial/unfinished-bundle', '"denoiser/full.onnx"\n');
      put('bundle.partial/denoiser/full.onnx', 'half');
      cpSync(join(there, 'bundle'), join(there, 'bundle.replaced'), { recursive: true });
      put('bundle.work/written.txt', '"stages/old.json"\n');
      put('bundle.work/stages/old.json', '{}');
      put('bundle.work/notes.txt', 'precious');
      put('secret/model.onnx', 'precious');
      put('model/.git/config', 'token');
      put('model/.env', 'token');
      put('model/model.safetensors', 'checkpoint');
      put('model/safety_checker/model.onnx', 'x');
      put('model/scheduler/notes.json', '{}');
      put('model/LICENSE', 'terms');
      symlinkSync(join(there, 'secret'), join(there, 'model/vae_encoder'));
      symlinkSync(join(there, 'secret/model.onnx'), join(there, 'model/NOTICE'));
    });
    expect(exitCode).toBe(0);
    expect(readdirSync(place).sort()).toEqual(['bundle', 'bundle.work', 'model', 'secret']);
    const filesIn = (name: string) => Object.keys(after).filter((path) => path.startsWith(`${name}/`));
    expect(filesIn('bundle.work')).toEqual(['bundle.work/notes.txt']);
    expect(filesIn('secret')).toEqual(['secret/model.onnx']);
    const copied = filesIn('bundle').filter((path) => !/^bundle\/(denoiser|planning)/.test(path));
    expect(copied).toEqual([
      'bundle/LICENSE',
      'bundle/README.md',
      'bundle/cachequant.json',
      'bundle/model_index.json',
      'bundle/plan.json',
      'bundle/report.html',
      'bundle/report.json',
      'bundle/scheduler/scheduler_config.json',
      'bundle/verification.json',
    ]);
  });
});

/** Content of every file by its path, links as what they are. */
function treeOf(root: string): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  const files = entries.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) return [];
    const content = entry.isSymbolicLink() ? `→ ${readlinkSync(path)}` : readFileSync(path, 'latin1');
    return [[relative(root, path), content] as const];
  });
  return Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('optimize refuses', () => {
  const refusals: readonly [string, readonly string[], string][] = [
    [
      'an interval that does not fit the steps',
      ['model', '--out', 'bundle', '--steps', '4', '--interval', '9'],
      'no schedule fits',
    ],
    [
      'a sampler that there is none of',
      ['model', '--out', 'new', '--sampler', 'nosuch'],
      'there is no sampler "nosuch"',
    ],
    [
      'a folder with something else',
      ['model', '--out', 'other'],
      'the folder for the bundle holds other files',
    ],
    [
      'a work folder with something else',
      ['model', '--out', 'new', '--work', 'other'],
      'the work folder holds other files',
    ],
    ['a bundle within the model', ['model', '--out', 'model/bundle'], 'the folder overlaps the model'],
    ['a bundle around the model', ['model', '--out', '.'], 'the folder overlaps the model'],
    ['a place below a file', ['model', '--out', 'other/file/bundle'], 'the folder cannot be written'],
    ['a bundle as the model', ['bundle', '--out', 'new'], 'this is a bundle already'],
    ['a lone graph without a sampler', ['model/unet/model.onnx', '--out', 'new'], 'Name a sampler'],
    ['a folder that is no model', ['other', '--out', 'new'], 'the folder holds no diffusion model'],
    [
      'a file of prompts that is not there',
      ['model', '--out', 'new', '--prompts', 'no.txt'],
      'there is no such file',
    ],
    ['an unknown cut', ['model', '--out', 'new', '--cut', 'middle', ...SETTINGS], 'up-concat-1'],
  ];

  test.each(refusals)('%s, and changes nothing', async (_, argv, message) => {
    mkdirSync(join(folder, 'other'), { recursive: true });
    writeFileSync(join(folder, 'other/file'), 'precious');
    const manifest = readFileSync(join(folder, 'bundle/cachequant.json'), 'utf8');
    const { exitCode, stdout, stderr } = await cachequant(['optimize', ...argv], { cwd: folder });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
    expect(readFileSync(join(folder, 'bundle/cachequant.json'), 'utf8')).toBe(manifest);
    expect(readFileSync(join(folder, 'other/file'), 'utf8')).toBe('precious');
    expect(existsSync(join(folder, 'new'))).toBe(false);
    expect(existsSync(join(folder, 'new.partial'))).toBe(false);
  });
});

describe('a bundle', () => {
  test('generate makes the same picture for the same seed, and its calls use the cache', async () => {
    const draw = async (out: string) => {
      const { exitCode, stdout } = await cachequant(
        ['generate', 'bundle', '--seed', '7', '--out', out, '--threads', '1', '--json'],
        { cwd: folder },
      );
      expect(exitCode).toBe(0);
      return JSON.parse(stdout) as { images: { file: string }[]; runs: { calls: { kind: string }[] }[] };
    };
    const [first, second] = [await draw('pictures/a'), await draw('pictures/b')];
    expect(first.images[0]!.file).toBe(join(folder, 'pictures/a/image-7.png'));
    expect(first.runs[0]!.calls.map(({ kind }) => kind)).toEqual(['full', 'cached', 'full', 'cached']);
    const bytes = readFileSync(first.images[0]!.file);
    expect(decode(bytes)).toMatchObject({ width: 32, height: 32, channels: 3 });
    expect(readFileSync(second.images[0]!.file).equals(bytes)).toBe(true);
  });

  test('compare puts the model and the bundle side by side', async () => {
    const { exitCode, stdout } = await cachequant(
      ['compare', 'model', 'bundle', '--count', '2', '--out', 'pictures', '--threads', '1', '--json'],
      { cwd: folder },
    );
    expect(exitCode).toBe(0);
    const { images, grid } = JSON.parse(stdout) as { images: { seed: number; psnr: number }[]; grid: string };
    expect(images.map(({ seed }) => seed)).toEqual([0, 1]);
    expect(images.every(({ psnr }) => psnr > 5 && psnr < 100)).toBe(true);
    // Two pictures of 32 pixels, enlarged 4 times, with 4 pixels between them in each direction, below a line of
    // labels and beside labels of at most 130 pixels.
    const { width, height } = decode(readFileSync(grid));
    expect(height).toBe(260 + 12);
    expect(width).toBeGreaterThan(260);
    expect(width).toBeLessThanOrEqual(260 + 4 + 130);
  });

  test('generate and compare take other steps, both of them the same, and warn', async () => {
    const run = (...argv: string[]) =>
      cachequant([...argv, '--steps', '8', '--out', 'other', '--threads', '1', '--json'], { cwd: folder });
    const generated = await run('generate', 'bundle');
    expect(generated.exitCode).toBe(0);
    const { runs } = JSON.parse(generated.stdout) as { runs: { calls: { kind: string }[] }[] };
    expect(runs[0]!.calls.map(({ kind }) => kind === 'full')).toEqual([
      ...[true, false, false, false],
      ...[true, false, false, false],
    ]);
    expect(generated.stderr).toContain('calibrated at 4 steps; at 8, pictures measured');
    const compared = await run('compare', 'model', 'bundle');
    expect(compared.exitCode).toBe(0);
    const { images, warnings } = JSON.parse(compared.stdout) as {
      images: { psnr: number }[];
      warnings: string[];
    };
    expect(warnings).toEqual([expect.stringContaining('calibrated at 4 steps')]);
    expect(images[0]!.psnr).toBeGreaterThan(5);
  });

  test('report writes the page again', async () => {
    const { exitCode, stdout } = await cachequant(['report', 'bundle', '--out', 'again.html'], {
      cwd: folder,
    });
    expect([exitCode, stdout]).toEqual([0, `${join(folder, 'again.html')}\n`]);
    const page = readFileSync(join(folder, 'again.html'), 'utf8');
    expect(page).toBe(readFileSync(join(folder, 'bundle/report.html'), 'utf8'));
    expect(page).toContain('data:image/png;base64,');
  });

  test('inspect shows what it is', async () => {
    const { stdout } = await cachequant(['inspect', 'bundle'], { cwd: folder });
    expect(stdout).toContain('Bundle of model');
    expect(stdout).toContain('█·█·');
  });

  test.each([
    [
      'generate with another sampler',
      'another sampler',
      (copy: string) => ['generate', copy, '--sampler', 'plms'],
    ],
    ['compare with a bundle that is none', 'the folder holds no bundle', () => ['compare', 'model', 'model']],
  ])('%s is refused', async (_, message, argv) => {
    const { exitCode, stderr } = await cachequant(argv('bundle'), { cwd: folder });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
  });

  test.each([
    ['weights were altered', 'denoiser/weights.bin', 'generate'],
    ['weights were altered', 'denoiser/weights.bin', 'inspect'],
    ['data of its report were altered', 'report.json', 'report'],
    ['manifest was altered', 'cachequant.json', 'report'],
  ])('%s: refused by the name of the file (%s, %s)', async (_, file, command) => {
    const copy = join(temporaryFolder(), 'bundle');
    cpSync(join(folder, 'bundle'), copy, { recursive: true });
    const bytes = readFileSync(join(copy, file));
    bytes.fill(0x21, bytes.length >> 1, (bytes.length >> 1) + 16);
    writeFileSync(join(copy, file), bytes);
    const out = command === 'report' ? ['--out', join(copy, 'again.html')] : [];
    const { exitCode, stderr } = await cachequant([command, copy, ...out]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(file);
    expect(stderr).not.toContain('bug in cachequant');
  });
});
