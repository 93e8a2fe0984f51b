import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from '@cachequant/tensor';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loneGraph, npyOf } from '../../../pipeline/src/__fixtures__/lone-graph.js';
import { oddExport } from '../../../pipeline/src/__fixtures__/odd-exports.js';
import { cachequant } from '../__fixtures__/command-line.js';
import { npzOf } from '../__fixtures__/npz.js';

const SIZE = ['--width', '16', '--height', '16'];
const GRAPH = ['graph.onnx', '--input', 'sample=noisy', '--input', 'time=sigma', '--input', 'gain=0.5'];
const MAKE = [
  ...['--prediction', 'epsilon', ...SIZE, '--steps', '4', '--interval', '2', '--bits', 'none'],
  ...['--schedule', 'uniform', '--cache-correction', 'forecast', '--verification-images', '1'],
  ...['--off-calibration-images', '0', '--float-graphs', 'never', '--threads', '1'],
];

let cwd: string;
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'cachequant-lone-'));
  await put(await loneGraph(), 'graph.onnx');
  await put(await oddExport('classes'), 'classes.onnx');
  await put(await oddExport('channels last'), 'last.onnx');
  mkdirSync(join(cwd, 'feeds'));
  for (const [i, values] of [
    [1, -2, 3],
    [0.5, 0, -1],
  ].entries()) {
    const arrays = [
      ['x.npy', npyOf([1, 3, 1, 1], values)],
      ['sigma.npy', npyOf([1], [7])],
    ] as const;
    writeFileSync(join(cwd, 'feeds', `${i}.npz`), npzOf(arrays, { deflate: i === 1 }));
  }
  writeFileSync(join(cwd, 'x.npy'), npyOf([1, 3, 1, 1], [1, -2, 3]));
  writeFileSync(join(cwd, 'other.npy'), npyOf([3, 1, 1], [9, 9, 9]));
  writeFileSync(join(cwd, 'wrong.npy'), npyOf([1, 4, 1, 1], [0, 0, 0, 0]));
}, 60_000);
afterAll(() => rmSync(cwd, { recursive: true }));

async function put(storage: Storage, name: string): Promise<void> {
  writeFileSync(join(cwd, name), await storage.read('graph.onnx'));
}

async function run(...argv: string[]) {
  const { exitCode, stdout, stderr } = await cachequant(argv, { cwd });
  expect([exitCode, exitCode === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
}

async function pixels(...argv: string[]): Promise<Buffer> {
  const stdout = await run('generate', ...argv, '--seed', '3', '--threads', '1', '--json', '--out', 'drawn');
  const { images } = JSON.parse(stdout) as { images: { file: string }[] };
  return sharp(images[0]!.file).raw().toBuffer();
}

describe('a lone graph from the command line', { timeout: 240_000 }, () => {
  test('goes the whole way, calibrated with a folder of .npz', async () => {
    const shown = JSON.parse(await run('inspect', ...GRAPH, '--input', 'x=x.npy', '--json'));
    expect(shown.pipeline).toMatchObject({ family: 'inputs that are given', textEncoder: false });
    const made = ['optimize', ...GRAPH, ...MAKE, '--calibration', 'feeds', '--out', 'bundle', '--json'];
    const { manifest, warnings } = JSON.parse(await run(...made));
    expect(manifest.conditioning.inputs).toEqual({
      x_condition: { from: 'file', file: 'inputs/x_condition.npy' },
    });
    expect(warnings).toContainEqual(expect.stringMatching(/sigma is not used/));
    // What the first file has is what pictures take that say nothing else.
    const plain = await pixels('bundle');
    expect((await pixels('bundle', '--input', 'x=x.npy')).equals(plain)).toBe(true);
    expect((await pixels('bundle', '--input', 'x=other.npy')).equals(plain)).toBe(false);
    expect((await pixels('bundle', '--input', 'x=9')).equals(plain)).toBe(false);
    const float = [...GRAPH, '--input', 'x=other.npy', '--prediction', 'epsilon'];
    await run('compare', ...float, 'bundle', '--threads', '1', '--out', 'compared');
    const evaluated = ['evaluate', 'bundle', '--reference', ...float, '--images', '1', '--threads', '1'];
    await run(...evaluated, '--out', 'evaluated.json');
    await run('report', 'bundle', '--out', 'report.html');
    expect(readFileSync(join(cwd, 'report.html'), 'utf8')).toContain('graph.onnx');
  });

  test('draws classes, with guidance towards them', async () => {
    const classes = ['classes.onnx', '--input', 'y=class:10:10', '--input', 'strength=1'];
    const asked = [...classes, '--prediction', 'epsilon', ...SIZE, '--steps', '2'];
    const one = await pixels(...asked, '--class-label', '1');
    expect((await pixels(...asked, '--class-label', '2')).equals(one)).toBe(false);
    expect((await pixels(...asked, '--class-label', '1', '--guidance-scale', '1')).equals(one)).toBe(false);
    const { pipeline } = JSON.parse(await run('inspect', ...classes, '--json'));
    expect(pipeline.classes).toBe(10);
  });

  test.each([
    [['generate', 'last.onnx', '--prediction', 'epsilon'], 'channels last'],
    [['generate', 'bundle', '--input', 'x=wrong.npy'], 'does not fit'],
    [['generate', 'bundle', '--input', 'y=1'], 'no input y'],
    [['generate', 'bundle', '--input', 'gain=2'], 'fixed when the bundle was made (expected 0.5'],
    [['generate', ...GRAPH, '--prediction', 'epsilon'], 'nothing feeds x'],
    [['optimize', ...GRAPH, ...MAKE, '--calibration', 'nowhere', '--out', 'b'], 'no such folder'],
    [['optimize', ...GRAPH, ...MAKE, '--calibration', '.', '--out', 'b'], 'nothing to calibrate with'],
  ])('refuses %j', async (argv, message) => {
    const { exitCode, stderr } = await cachequant(argv, { cwd });
    expect([exitCode === 0, stderr]).toEqual([false, expect.stringContaining(message)]);
    expect(stderr).not.toContain('bug');
  });

  test.each([
    ['an array of another shape', [['x.npy', npyOf([1, 4, 1, 1], [0, 0, 0, 0])]], 'does not fit'],
    [
      'a name that the graph has not',
      [
        ['x.npy', npyOf([1, 3, 1, 1], [0, 0, 0])],
        ['z.npy', npyOf([1], [0])],
      ],
      'no input z',
    ],
    ['a file that is no archive', undefined, 'no archive of NumPy'],
  ] as const)('refuses calibration with %s', async (name, arrays, message) => {
    const folder = `feeds of ${name}`;
    mkdirSync(join(cwd, folder));
    writeFileSync(join(cwd, folder, 'a.npz'), arrays ? npzOf(arrays) : 'no archive');
    const { exitCode, stderr } = await cachequant(
      ['optimize', ...GRAPH, '--input', 'x=x.npy', ...MAKE, '--calibration', folder, '--out', 'b'],
      { cwd },
    );
    expect([exitCode === 0, stderr]).toEqual([false, expect.stringContaining(message)]);
  });
});
