import { psnr } from '@cachequant/evaluate';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

const MODEL = inRepository('models/fashion-sd');
/** Without training, which says nothing of quality. */
const TINY = inRepository('models/tiny/sd');
const FAST = [
  ...['--schedule', 'uniform', '--cache-correction', 'forecast'],
  ...['--steps', '6', '--interval', '2', '--effort', 'fast', '--calibration-images', '2'],
  ...[
    '--verification-images',
    '1',
    '--off-calibration-images',
    '0',
    '--components',
    'keep',
    '--layers',
    'all',
  ],
];
const ASKED = ['generate', 'bundle', '--prompt', 'a red sneaker', '--seed', '3', '--json'];

/** Without a library, the tests that need one are shown as skipped. */
const library = process.env.CACHEQUANT_OPENVINO;
const why = library ? '' : ' (skipped: CACHEQUANT_OPENVINO names no OpenVINO)';

async function picture(cwd: string, ...options: string[]) {
  const made = await cachequant([...ASKED, '--out', 'pictures', ...options], { cwd });
  expect(made).toMatchObject({ exitCode: 0 });
  const [{ file }] = (JSON.parse(made.stdout) as { images: [{ file: string }] }).images;
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: new Uint8Array(data) };
}

describe.skipIf(!library)(`generate --runtime openvino${why}`, () => {
  test.each([
    // Measured: 83 dB, by sums in another order.
    ['a cached float bundle', TINY, ['--bits', 'none'], 60],
    // Measured: 35.6 dB, in OpenVINO's own integer kernels.
    ['a cached bundle of --target qdq', MODEL, ['--target', 'qdq', '--float-graphs', 'never'], 28],
  ])(
    'draws %s as ONNX Runtime does',
    async (_, model, options, least) => {
      const cwd = temporaryFolder();
      const optimized = await cachequant(['optimize', model, '--out', 'bundle', ...FAST, ...options], {
        cwd,
      });
      expect(optimized).toMatchObject({ exitCode: 0 });
      const node = await picture(cwd);
      const decibels = psnr(node, await picture(cwd, '--runtime', 'openvino'));
      expect(decibels).toBeGreaterThan(least);
    },
    240_000,
  );

  test('of a bundle of ONNX Runtime operators names them and what works, before anything is drawn', async () => {
    const cwd = temporaryFolder();
    const options = ['--float-graphs', 'never'];
    const optimized = await cachequant(['optimize', TINY, '--out', 'bundle', ...FAST, ...options], { cwd });
    expect(optimized).toMatchObject({ exitCode: 0 });
    const failed = await cachequant([...ASKED, '--runtime', 'openvino'], { cwd });
    expect(failed.exitCode).not.toBe(0);
    const { error } = JSON.parse(failed.stdout) as { error: Record<string, string> };
    expect(error).toMatchObject({ code: 'unsupported' });
    expect(error.got).toMatch(/QLinearConv, com.microsoft.MatMulIntegerToFloat/);
    expect(error.hint).toContain('--target qdq');
  }, 240_000);
});

test('generate --runtime of a name that is none lists those that are', async () => {
  const failed = await cachequant([...ASKED, '--runtime', 'tensorrt']);
  expect(failed.exitCode).toBe(2);
  expect(`${failed.stdout}${failed.stderr}`).toMatch(/node, openvino/);
});
