import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPngText } from '@cachequant/pipeline';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { cachequant, temporaryFolder } from '../__fixtures__/command-line.js';

const MODEL = fileURLToPath(new URL('../../../../models/tiny/sd', import.meta.url));
const PROMPT = ['--prompt', 'a red shoe', '--steps', '4', '--guidance-scale', '1'];

let cwd: string;
beforeEach(async () => {
  cwd = temporaryFolder();
  const noise = Uint8Array.from({ length: 48 * 40 * 3 }, (_, i) => (i * 7) % 251);
  const photo = sharp(noise, { raw: { width: 48, height: 40, channels: 3 } });
  await photo.clone().jpeg().toFile(join(cwd, 'photo.jpg'));
  await photo.clone().grayscale().threshold(125).png().toFile(join(cwd, 'mask.png'));
});

const draw = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await cachequant(['generate', MODEL, ...PROMPT, '--json', ...argv], {
    cwd,
  });
  expect([exitCode, stderr.includes('bug')]).toEqual([0, false]);
  const [image] = (JSON.parse(stdout) as { images: { file: string; width: number; height: number }[] })
    .images;
  return { ...image!, pixels: await sharp(image!.file).raw().toBuffer() };
};

describe('generate --image', () => {
  test('changes a picture at its own size, as strongly as it is told, and says so in the file', async () => {
    const weak = await draw('--image', 'photo.jpg', '--strength', '0.25', '--out', 'weak');
    expect([weak.width, weak.height]).toEqual([48, 40]);
    const strong = await draw('--image', 'photo.jpg', '--out', 'strong');
    expect(strong.pixels.equals(weak.pixels)).toBe(false);
    const { parameters, cachequant: json } = readPngText(readFileSync(weak.file));
    expect(parameters).toContain('Denoising strength: 0.25');
    expect(JSON.parse(json!)).toMatchObject({ strength: 0.25, width: 48, height: 40 });
    const again = await draw('--like', weak.file, '--image', 'photo.jpg', '--out', 'again');
    expect(again.pixels.equals(weak.pixels)).toBe(true);
    const lone = await cachequant(['generate', MODEL, '--like', weak.file], { cwd });
    expect([lone.exitCode, lone.stderr]).toEqual([
      2,
      expect.stringContaining("option '--image <file>' is missing"),
    ]);
  });

  test('scales and crops to the size that is asked for, and paints within a mask', async () => {
    const asked = ['--image', 'photo.jpg', '--width', '32', '--height', '32'];
    const whole = await draw(...asked, '--out', 'whole');
    const masked = await draw(...asked, '--mask', 'mask.png', '--out', 'masked');
    expect([whole.width, masked.height]).toEqual([32, 32]);
    expect(masked.pixels.equals(whole.pixels)).toBe(false);
  });

  test.each([
    [['--mask', 'mask.png'], 2, "option '--mask' needs '--image <file>'"],
    [['--strength', '0.5'], 2, "option '--strength' needs '--image <file>'"],
    [['--image', 'photo.jpg', '--strength', '1.5'], 2, 'Expected a number from 0 to 1'],
    [['--image', 'nothing.png'], 1, 'the picture cannot be read'],
    [['--image', 'model_index.json'], 1, 'the picture cannot be read'],
    [['--image', 'photo.jpg', '--strength', '0.1'], 1, 'leaves none of 4 steps'],
    [['--image', 'photo.jpg', '--width', '33'], 1, 'The nearest is 32'],
  ])('refuses %j', async (argv, code, message) => {
    const { exitCode, stdout, stderr } = await cachequant(['generate', MODEL, ...PROMPT, ...argv], { cwd });
    expect([exitCode, stdout]).toEqual([code, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });
});
