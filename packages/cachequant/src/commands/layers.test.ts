import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecisionRecord } from '@cachequant/optimizer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, cachequant } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';
import type { BundleLayer } from '../analysis/bundle-layers.js';

const SETTINGS = [
  '--steps=4',
  '--interval=2',
  '--schedule=uniform',
  '--cache-correction=none',
  '--calibration-images=2',
  '--verification-images=1',
  '--off-calibration-images=0',
  '--float-graphs=never',
  '--threads=1',
];

let folder: string;
let made: CliResult;
let layers: readonly BundleLayer[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cachequant-layers-'));
  makeTinyPipeline(join(folder, 'model'));
  made = await cachequant(['optimize', 'model', '--out', 'bundle', ...SETTINGS], { cwd: folder });
  layers = await layersOf('bundle');
}, 900_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function layersOf(bundle: string): Promise<readonly BundleLayer[]> {
  const { stdout } = await cachequant(['inspect', bundle, '--layers', '--json'], { cwd: folder });
  return (JSON.parse(stdout) as { layers: BundleLayer[] }).layers;
}

interface Manifest {
  readonly layers: readonly { readonly id: string; readonly compute: string; readonly reason: string }[];
  readonly files: Readonly<Record<string, { readonly sha256: string }>>;
}

function manifestOf(bundle: string): Manifest {
  return JSON.parse(readFileSync(join(folder, bundle, 'cachequant.json'), 'utf8')) as Manifest;
}

function denoiserHashes(bundle: string) {
  return Object.entries(manifestOf(bundle).files).filter(([path]) => path.startsWith('denoiser/'));
}

describe('inspect <bundle> --layers', () => {
  test('--json has every layer of the manifest, with what was decided', () => {
    expect(made.exitCode, made.stderr).toBe(0);
    const decided = manifestOf('bundle').layers;
    expect(layers.map(({ id, compute, reason }) => ({ id, compute, reason }))).toEqual(
      decided.map(({ id, compute, reason }) => ({ id, compute, reason })),
    );
  });

  test('gives integer layers a scale for each call that they run at, and float layers none', async () => {
    // Which layers are slower in integers is not the same twice: this plan takes all that can be.
    const plan = JSON.parse(readFileSync(join(folder, 'bundle/plan.json'), 'utf8')) as DecisionRecord;
    for (const layer of plan.layers) {
      if (layer.measured) Object.assign(layer, { compute: 'integer', storage: 'int8', reason: '' });
    }
    writeFileSync(join(folder, 'all.json'), JSON.stringify(plan));
    const command = ['optimize', 'model', '--out', 'all', '--plan', 'all.json', '--threads', '1'];
    expect((await cachequant(command, { cwd: folder })).exitCode).toBe(0);
    const every = await layersOf('all');
    const integer = every.filter(({ compute }) => compute === 'integer');
    expect(integer.length).toBeGreaterThan(5);
    for (const { scales, bits, kind } of integer) {
      expect(bits).toEqual({ weights: 7, activations: 8 });
      expect(scales!.input).toHaveLength(4);
      // Refreshes, at which every layer runs.
      for (const call of [0, 2]) expect(scales!.input[call]).toBeGreaterThan(0);
      expect(scales!.output === null).toBe(kind !== 'convolution');
    }
    const inCached = integer.filter(({ scales }) => scales!.input[1] !== null);
    expect(inCached.length).toBeGreaterThan(0);
    expect(inCached.length).toBeLessThan(integer.length);
    for (const { compute, scales } of every) expect(scales === null).toBe(compute === 'float');
  }, 600_000);

  test('gives what was measured of layers that could be integers', () => {
    const measured = layers.filter(({ sqnr }) => sqnr !== null);
    expect(measured.length).toBeGreaterThanOrEqual(
      layers.filter(({ compute }) => compute === 'integer').length,
    );
    for (const { sqnr, floatMs, integerMs } of measured) {
      expect(sqnr).toBeGreaterThan(10);
      expect(floatMs).toBeGreaterThan(0);
      expect(integerMs).toBeGreaterThan(0);
    }
  });

  test('prints a table, the least exact first', async () => {
    const { stdout } = await cachequant(['inspect', 'bundle', '--layers'], { cwd: folder });
    const lines = stdout.slice(stdout.indexOf('\nLayers\n')).trimEnd().split('\n').slice(2);
    expect(lines[0]).toMatch(/SQNR +float +int8 +runs in/);
    expect(lines).toHaveLength(layers.length + 1);
    const decibels = lines
      .map((line) => Number(/^ *([\d.]+) dB/.exec(line)?.[1]))
      .filter((value) => value > 0);
    expect(decibels.length).toBeGreaterThan(5);
    expect(decibels).toEqual([...decibels].sort((a, b) => a - b));
  });

  test('the report ranks them', () => {
    const page = readFileSync(join(folder, 'bundle/report.html'), 'utf8');
    expect(page).toContain('How exact each layer is');
    expect(page).toMatch(/With all \d+ layers in integers/);
  });
});

describe('optimize --plan', () => {
  test('makes the same denoiser', async () => {
    const command = ['optimize', 'model', '--out', 'again', '--plan', 'bundle/plan.json', '--threads', '2'];
    const { exitCode, stderr } = await cachequant(command, { cwd: folder });
    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('measure the time of each layer')]);
    expect(denoiserHashes('again')).toEqual(denoiserHashes('bundle'));
  }, 600_000);

  test('makes a denoiser without any layer in integers', async () => {
    const plan = JSON.parse(readFileSync(join(folder, 'bundle/plan.json'), 'utf8')) as DecisionRecord;
    for (const layer of plan.layers) Object.assign(layer, { compute: 'float', storage: 'int8' });
    writeFileSync(join(folder, 'none.json'), JSON.stringify(plan));
    const command = ['optimize', 'model', '--out', 'none', '--plan', 'none.json', '--threads', '1'];
    const { exitCode, stderr } = await cachequant(command, { cwd: folder });
    expect(exitCode, stderr).toBe(0);
    expect(manifestOf('none').layers.every(({ compute }) => compute === 'float')).toBe(true);
  }, 600_000);

  test.each([
    ['an option that contradicts it', ['--plan', 'bundle/plan.json', '--steps', '8'], 'expected 4, got 8'],
    ['a file that is none', ['--plan', 'bundle/cachequant.json'], 'the plan has another format'],
    ['a file that is not there', ['--plan', 'nowhere.json'], 'there is no such file'],
    ['a file that is not JSON', ['--plan', 'text'], 'the plan is not JSON'],
  ])('refuses %s', async (_, argv, message) => {
    writeFileSync(join(folder, 'text'), 'no plan');
    const { exitCode, stderr } = await cachequant(['optimize', 'model', '--out', 'new', ...argv], {
      cwd: folder,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });
});
