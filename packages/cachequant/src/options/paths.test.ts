import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { printable } from '../print/printable.js';

/** A run that would take a while, if its output were looked at when it is written. */
const SLOW = ['generate', 'models/fashion-sd', '--prompt', 'a bag', '--steps', '500'];

describe('a place that cannot be written', () => {
  test.each([
    ['generate', [...SLOW, '--out', 'README.md']],
    ['generate below a file', [...SLOW, '--out', 'README.md/pictures']],
    ['cut', ['cut', 'models/tiny/dit/model.onnx', '--out', 'README.md']],
    ['evaluate', ['evaluate', 'models/fashion-sd', '--prompt', 'x', '--out', 'README.md/result.json']],
  ])('is found before anything runs: %s', async (_, argv) => {
    const { exitCode, stdout, stderr } = await cachequant(argv);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: --out README.md\S*: there is a file where a folder is needed/);
  });

  test('is a folder where a file is to go', async () => {
    const out = temporaryFolder();
    const { stderr } = await cachequant(['evaluate', 'models/fashion-sd', '--prompt', 'x', '--out', out]);
    expect(stderr).toContain('there is a folder where a file is needed');
  });

  test('is one in which the system lets nobody write', async (context) => {
    if (process.platform !== 'linux') context.skip('no /proc');
    const { exitCode, stderr } = await cachequant([...SLOW, '--out', '/proc/cachequant']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: --out \/proc\/cachequant: the folder cannot be written/);
  });

  test('is looked at without leaving folders behind when the command is refused later', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'a/b');
    const { exitCode } = await cachequant([...SLOW, '--sampler', 'none', '--out', out]);
    expect([exitCode, readdirSync(folder)]).toEqual([1, []]);
  });
});

describe('a path that is no model', () => {
  test.each([
    [['inspect', 'README.md'], /^error: README.md: this is no model.*got \.md/],
    [['cut', 'models/fashion-sd/unet/config.json', '--out', 'x'], /this is no ONNX graph/],
    [['inspect', 'owner/model.onnx'], /Check the path/],
    [['cut', 'some-owner/some-model', '--out', 'x'], /onnx --model some-owner\/some-model/],
  ])('%j is said to be none', async (argv, message) => {
    const { exitCode, stderr } = await cachequant(argv);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
  });

  test('is said to be weights of PyTorch', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'v1-5.safetensors'), 'x');
    const { stderr } = await cachequant(['cut', join(folder, 'v1-5.safetensors'), '--out', 'x']);
    expect(stderr).toContain('a PyTorch model has to be exported first');
  });
});

describe('what a terminal would act on', () => {
  const evil = 'a\u001b]0;title\u0007\u009b31m\u202eb';

  test('is spelled out in errors and in JSON', async () => {
    const folder = join(temporaryFolder(), evil);
    mkdirSync(folder);
    for (const argv of [
      ['inspect', folder],
      ['inspect', folder, '--json'],
      [evil],
      ['inspect', 'x', `--${evil}`],
    ]) {
      const { stdout, stderr } = await cachequant(argv);
      expect(stderr).toContain('\\u001b]0;title\\u0007\\u009b31m\\u202e');
      expect(stdout + stderr).not.toMatch(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/u);
    }
  });

  test('printable leaves everything else alone', () => {
    const text = 'line\n\tcolumn é 猫 🐈 \\ "';
    expect(printable(text)).toBe(text);
    expect(JSON.parse(printable(JSON.stringify(evil)))).toBe(evil);
  });
});
