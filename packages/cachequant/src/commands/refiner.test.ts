import { readFileSync } from 'node:fs';
import { readPngText } from '@cachequant/pipeline';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

const BASE = inRepository('models/tiny/sdxl');
const REFINER = ['--refiner', inRepository('models/tiny/sdxl-refiner')];
const PROMPT = ['--prompt', 'a red shoe', '--steps', '4', '--guidance-scale', '1'];

test('generate --refiner ends each picture with another model, and says so in the file', async () => {
  const cwd = temporaryFolder();
  const draw = async (...argv: string[]) => {
    const { exitCode, stdout, stderr } = await cachequant(['generate', BASE, ...argv, '--json'], { cwd });
    expect([exitCode, stderr.includes('bug')], stderr).toEqual([0, false]);
    const { images } = JSON.parse(stdout) as { images: { file: string }[] };
    return Promise.all(
      images.map(async ({ file }) => ({ file, pixels: await sharp(file).raw().toBuffer() })),
    );
  };
  const alone = await draw(...PROMPT, '--count', '2', '--out', 'alone');
  const both = await draw(...PROMPT, ...REFINER, '--refiner-start', '0.5', '--count', '2', '--out', 'both');
  expect(both.map(({ pixels }, i) => pixels.equals(alone[i]!.pixels))).toEqual([false, false]);
  const { cachequant: json } = readPngText(readFileSync(both[1]!.file));
  expect(JSON.parse(json!)).toMatchObject({ refinerStart: 0.5, seed: 1 });
  const [again] = await draw('--like', both[1]!.file, ...REFINER, '--out', 'again');
  expect(again!.pixels.equals(both[1]!.pixels)).toBe(true);
});

test.each([
  [[...PROMPT, '--refiner-start', '0.5'], 2, "'--refiner-start' needs '--refiner <model>'"],
  [[...PROMPT, ...REFINER, '--image', 'a.png'], 2, '--refiner does not go with --image'],
  [[...PROMPT, ...REFINER, '--refiner-start', '1'], 1, 'no part of a run, or all of it'],
  [[...PROMPT, ...REFINER, '--refiner-start', '0.01'], 1, 'none of 4 calls'],
  [[...PROMPT, '--refiner', 'nowhere'], 1, 'there is no such file or folder'],
])('generate refuses %j', async (argv, code, message) => {
  const { exitCode, stdout, stderr } = await cachequant(['generate', BASE, ...argv], {
    cwd: temporaryFolder(),
  });
  expect([exitCode, stdout]).toEqual([code, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('bug in cachequant');
});
