import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPngText } from '@cachequant/pipeline';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

const MODEL = inRepository('models/tiny/sd');
const CONTROL = ['--controlnet', inRepository('models/tiny/controlnet')];
const PROMPT = ['--prompt', 'a red shoe', '--steps', '4', '--guidance-scale', '3'];
const IMAGE = ['--control-image', 'edges/0.png'];

let cwd: string;
beforeEach(async () => {
  cwd = temporaryFolder();
  mkdirSync(join(cwd, 'edges'));
  for (const offset of [0, 1, 2, 3]) {
    const rgb = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) =>
      Math.floor(i / 3) % 8 === offset ? 255 : 0,
    );
    await sharp(rgb, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toFile(join(cwd, 'edges', `${offset}.png`));
  }
});

const draw = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await cachequant(['generate', ...argv, '--json'], { cwd });
  expect([exitCode, stderr.includes('bug')], stderr).toEqual([0, false]);
  const { images, warnings } = JSON.parse(stdout) as { images: { file: string }[]; warnings: string[] };
  const { file } = images[0]!;
  return { file, warnings, pixels: await sharp(file).raw().toBuffer() };
};

describe('generate --controlnet', () => {
  test('follows the control image as closely as it is told, and says so in the file', async () => {
    const asked = [MODEL, ...CONTROL, ...PROMPT, ...IMAGE];
    const close = await draw(...asked, '--out', 'close');
    const loose = await draw(...asked, '--control-scale', '0.3', '--control-end', '0.5', '--out', 'loose');
    const plain = await draw(MODEL, ...PROMPT, '--out', 'plain');
    const silent = await draw(...asked, '--control-scale', '0', '--out', 'silent');
    expect(loose.pixels.equals(close.pixels)).toBe(false);
    expect(close.pixels.equals(plain.pixels)).toBe(false);
    expect(silent.pixels.equals(plain.pixels)).toBe(true);
    const { cachequant: json } = readPngText(readFileSync(loose.file));
    expect(JSON.parse(json!)).toMatchObject({ controlScale: 0.3, controlEnd: 0.5 });
    const again = await draw(MODEL, ...CONTROL, '--like', loose.file, ...IMAGE, '--out', 'again');
    expect(again.pixels.equals(loose.pixels)).toBe(true);
  });

  test.each([
    [[MODEL, ...CONTROL, ...PROMPT], 1, 'the control image is missing'],
    [[MODEL, ...PROMPT, ...IMAGE], 1, 'the model follows no ControlNet'],
    [[MODEL, ...CONTROL, ...PROMPT, '--control-scale', '0.5'], 2, "'--control-scale' needs '--control-image"],
    [[MODEL, ...CONTROL, ...PROMPT, '--control-image', 'no.png'], 1, 'the picture cannot be read'],
    [[MODEL, '--controlnet', 'nowhere', ...PROMPT, ...IMAGE], 1, '--controlnet nowhere'],
    [[MODEL, '--controlnet', 'edges', ...PROMPT, ...IMAGE], 1, 'the folder holds no ControlNet'],
    [[MODEL, '--controlnet', 'edges/0.png', ...PROMPT, ...IMAGE], 1, 'a file does not say'],
    [
      [MODEL, '--controlnet', inRepository('models/tiny/controlnet-sdxl'), ...PROMPT, ...IMAGE],
      1,
      'takes what the denoiser is not given',
    ],
    [
      [inRepository('models/tiny/dit-pipeline'), ...CONTROL, '--class-label', '1', ...IMAGE],
      1,
      'takes no residuals',
    ],
  ])('refuses %j', async (argv, code, message) => {
    const { exitCode, stdout, stderr } = await cachequant(['generate', ...argv], { cwd });
    expect([exitCode, stdout]).toEqual([code, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });
});

describe('optimize --controlnet', () => {
  const ASKED = ['--steps', '6', '--interval', '2', '--guidance-scale', '3', '--calibration-images', '2'];
  const FAST = [
    ...ASKED,
    '--verification-images',
    '1',
    '--off-calibration-images',
    '0',
    '--layers',
    'all',
    '--components',
    'keep',
    ...['--effort', 'fast', '--schedule', 'uniform', '--cache-correction', 'forecast'],
  ];

  test('makes a bundle that needs a control image alone, and is compared with the model', async () => {
    const made = await cachequant(
      [
        'optimize',
        MODEL,
        ...CONTROL,
        '--control-image',
        'edges',
        '--control-scale',
        '0.8',
        '--out',
        'bundle',
        ...FAST,
      ],
      { cwd },
    );
    expect([made.exitCode, made.stderr.includes('bug')], made.stderr).toEqual([0, false]);
    const manifest = JSON.parse(readFileSync(join(cwd, 'bundle/cachequant.json'), 'utf8'));
    expect(manifest.denoiser.cached.inputs).toMatchObject({
      controlnet_cond_embedding: 'control:image',
      controlnet_conditioning_scale: 'control:scale',
    });
    expect(manifest.calibration.controlScale).toBe(0.8);
    expect(Object.keys(manifest.files)).toContain('controlnet_cond_embedding/model.onnx');
    expect(Object.keys(manifest.files).filter((path) => path.startsWith('controlnet/'))).toEqual([]);
    const usual = await draw('bundle', '--prompt', 'a red shoe', ...IMAGE, '--out', 'usual');
    expect(usual.warnings).toEqual([]);
    const other = await draw(
      'bundle',
      '--prompt',
      'a red shoe',
      ...IMAGE,
      '--control-scale',
      '0.2',
      '--guess-mode',
    );
    expect(other.warnings.join()).toMatch(
      /calibrated with the ControlNet followed at 0.8.*at 0.2, in guess mode/,
    );
    const compared = await cachequant(
      ['compare', MODEL, 'bundle', ...CONTROL, ...IMAGE, '--prompt', 'a red shoe', '--json'],
      { cwd },
    );
    expect(compared.exitCode, compared.stderr).toBe(0);
    const evaluated = await cachequant(
      ['evaluate', 'bundle', '--reference', MODEL, ...CONTROL, ...IMAGE, '--prompt', 'a red shoe', '--json'],
      { cwd },
    );
    expect(evaluated.exitCode, evaluated.stderr).toBe(0);
    const again = await cachequant(['generate', 'bundle', ...CONTROL, ...IMAGE, '--prompt', 'a red shoe'], {
      cwd,
    });
    expect(again.stderr).toContain('a ControlNet cannot be added to a bundle');
  }, 240_000);

  test.each([
    [[...CONTROL], 'the control images to calibrate with are missing'],
    [['--control-image', 'edges'], 'the model follows no ControlNet'],
    [[...CONTROL, '--control-image', 'nowhere'], 'the picture cannot be read'],
    [['--control-scale', '0.5'], 'the model follows no ControlNet'],
  ])('refuses %j before anything is run', async (argv, message) => {
    const { exitCode, stderr } = await cachequant(['optimize', MODEL, ...argv, '--out', 'bundle', ...FAST], {
      cwd,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });
});
