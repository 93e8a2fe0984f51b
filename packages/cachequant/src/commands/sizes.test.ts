import sharp from 'sharp';
import { expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

const MODEL = inRepository('models/tiny/sd');
const FAST = [
  ...['--steps', '4', '--interval', '1', '--bits', 'none', '--guidance-scale', '1', '--effort', 'fast'],
  ...['--calibration-images', '1', '--verification-images', '1', '--components', 'keep'],
];

test('optimize --size makes a bundle of which generate --size, inspect and the report show each size', async () => {
  const cwd = temporaryFolder();
  const optimize = ['optimize', MODEL, '--out', 'bundle', '--size', '32x32,48x32', ...FAST];
  expect(await cachequant(optimize, { cwd })).toMatchObject({ exitCode: 0 });
  const asked = ['generate', 'bundle', '--prompt', 'a red shoe', '--json'];
  const made = await cachequant([...asked, '--size', '48x32', '--out', 'pictures'], { cwd });
  expect([made.exitCode, made.stderr]).toEqual([0, made.stderr]);
  const [{ file }] = (JSON.parse(made.stdout) as { images: [{ file: string }] }).images;
  expect(await sharp(file).metadata()).toMatchObject({ width: 48, height: 32 });
  const like = await cachequant([...asked, '--like', file, '--size', '32x32', '--out', 'again'], { cwd });
  expect(JSON.parse(like.stdout).images[0]).toMatchObject({ width: 32, height: 32 });
  const inspected = await cachequant(['inspect', 'bundle'], { cwd });
  // No call is cached and nothing is rounded: the same picture, but for a value of 4,608 by one level on some processors.
  const [, psnr] = /further sizes +48x32: PSNR ([\d.]+) dB, 1 images/.exec(inspected.stdout) ?? [];
  expect(Number(psnr)).toBeGreaterThan(80);
  const report = await cachequant(['report', 'bundle', '--out', 'report.html', '--json'], { cwd });
  expect(report.exitCode).toBe(0);
  const missing = await cachequant([...asked, '--size', '64x64'], { cwd });
  expect(missing.exitCode).not.toBe(0);
  const { error } = JSON.parse(missing.stdout) as { error: Record<string, string> };
  expect(error).toMatchObject({ code: 'invalid-argument', expected: '32x32 or 48x32', got: '64x64' });
  expect(error.hint).toContain('cachequant optimize sd --out <bundle> --size 32x32,48x32,64x64');
}, 180_000);

test.each([
  [['optimize', MODEL, '--out', 'x', '--size', '32'], 'expected a form such as 512x768'],
  [
    ['optimize', MODEL, '--out', 'x', '--size', '32x32', '--width', '32'],
    'give either sizes, or width and height',
  ],
  [['optimize', MODEL, '--out', 'x', '--size', '32x32,33x32'], 'the model cannot make this size'],
  [['generate', MODEL, '--prompt', 'x', '--size', 'large'], 'Expected a form such as 512x768'],
  [
    ['generate', MODEL, '--prompt', 'x', '--size', '32x32', '--height', '32'],
    "give either option '--size <WxH>'",
  ],
])('%j is refused', async (argv, message) => {
  const cwd = temporaryFolder();
  const { exitCode, stderr } = await cachequant([...argv, ...(argv[0] === 'optimize' ? FAST : [])], { cwd });
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(message);
});
