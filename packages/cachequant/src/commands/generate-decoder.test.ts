import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

const MODEL = inRepository('models/tiny/sd');
const TINY = inRepository('models/tiny/taesd');
const ASKED = ['--prompt', 'a red shoe', '--steps', '4', '--guidance-scale', '1'];

let cwd: string;
beforeEach(() => {
  cwd = temporaryFolder();
});

interface Made {
  readonly images: readonly { readonly file: string }[];
  readonly previews: readonly string[];
}

const generate = (model: string, ...argv: string[]) =>
  cachequant(['generate', model, ...ASKED, '--json', ...argv], { cwd });

async function made(model: string, ...argv: string[]): Promise<Made> {
  const { exitCode, stdout, stderr } = await generate(model, ...argv);
  expect([exitCode, stderr]).toEqual([0, stderr]);
  return JSON.parse(stdout) as Made;
}

const pixels = (file: string) => sharp(file).raw().toBuffer();

describe('generate with a tiny decoder', () => {
  test('writes unfinished pictures after every so many calls, in the size of the finished one', async () => {
    const { images, previews } = await made(MODEL, '--tiny-decoder', TINY, '--preview', '2');
    expect(previews.map((file) => file.slice(cwd.length + 1))).toEqual([
      'a-red-shoe-0-call-002.png',
      'a-red-shoe-0-call-004.png',
    ]);
    const [first] = previews;
    expect(await sharp(first).metadata()).toMatchObject({ width: 32, height: 32 });
    expect(await pixels(first!)).not.toEqual(await pixels(images[0]!.file));
  });

  test('makes the picture by it when told so, from a folder and from a bundle that has it, equally', async () => {
    const full = await made(MODEL, '--out', 'full');
    const tiny = await made(MODEL, '--tiny-decoder', TINY, '--decoder', 'tiny', '--out', 'tiny');
    expect(await pixels(tiny.images[0]!.file)).not.toEqual(await pixels(full.images[0]!.file));
    const optimize = [
      'optimize',
      MODEL,
      '--out',
      'bundle',
      '--tiny-decoder',
      TINY,
      '--steps',
      '4',
      '--interval',
      '1',
    ];
    const fast = ['--bits', 'none', '--guidance-scale', '1', '--effort', 'fast', '--calibration-images', '1'];
    const { exitCode, stderr } = await cachequant([...optimize, ...fast, '--verification-images', '1'], {
      cwd,
    });
    expect([exitCode, stderr]).toEqual([0, stderr]);
    expect(existsSync(join(cwd, 'bundle/tiny_decoder/model.onnx'))).toBe(true);
    const bundled = await made('bundle', '--decoder', 'tiny', '--out', 'bundled');
    expect(
      difference(await pixels(bundled.images[0]!.file), await pixels(tiny.images[0]!.file)),
    ).toBeLessThan(3);
    const beside = await made('bundle', '--decoder', 'tiny', '--tiny-decoder', TINY, '--out', 'beside');
    expect(await pixels(beside.images[0]!.file)).toEqual(await pixels(bundled.images[0]!.file));
  }, 120_000);

  test.each([
    [['--decoder', 'tiny'], 'the model has no tiny decoder'],
    [['--tiny-decoder', MODEL], 'the folder holds no tiny decoder'],
    [['--tiny-decoder', join(TINY, 'config.json')], 'this is no model'],
    [['--preview', '0'], 'Expected a whole number from 1'],
    [['--decode-tile', '4'], 'Expected a whole number from 8, auto or never'],
  ])('refuses %j', async (argv, message) => {
    const { exitCode, stderr } = await generate(MODEL, ...argv);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
  });
});

test('generate --decode-tile decodes larger pictures in tiles, nearly alike, and says nothing of what was asked', async () => {
  const large = ['--width', '64', '--height', '48'];
  const whole = await made(MODEL, ...large, '--out', 'whole');
  const { stdout, stderr } = await generate(MODEL, ...large, '--decode-tile', '16', '--out', 'tiled');
  expect(stderr).not.toContain('tiles');
  const tiled = JSON.parse(stdout) as Made;
  const [a, b] = [await pixels(whole.images[0]!.file), await pixels(tiled.images[0]!.file)];
  expect(a).not.toEqual(b);
  expect(difference(a, b)).toBeLessThan(6);
});

/** Mean, in levels. */
function difference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, level, i) => sum + Math.abs(level - b[i]!), 0) / a.length;
}
