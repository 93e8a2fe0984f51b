import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from './__fixtures__/command-line.js';
import { drawPictures, PICTURE_CASES, type PictureCase } from './__fixtures__/python-pictures.js';

const PYTHON = process.env.CACHEQUANT_PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3');
const NEEDED = 'import numpy, onnxruntime, pytest, tokenizers';

/** Why there is no Python to test with; undefined where there is one. */
function missingPython(): string | undefined {
  const { status, error, stderr } = spawnSync(PYTHON, ['-c', NEEDED], { encoding: 'utf8' });
  if (status === 0) return undefined;
  const reason = error ? 'is not there' : (stderr.trim().split('\n').at(-1) ?? 'cannot be started');
  return `${PYTHON} (CACHEQUANT_PYTHON names another): ${reason}`;
}

/** ONNX Runtime rounds alike only in the same version: integers amplify the last digit of a float. */
function runtimeVersions(): { readonly python: string; readonly node: string } {
  const python = execFileSync(PYTHON, ['-c', 'import onnxruntime; print(onnxruntime.__version__)']);
  const manifest = inRepository('packages/runtime-node/node_modules/onnxruntime-node/package.json');
  const node = execFileSync(process.execPath, ['-p', `require(${JSON.stringify(manifest)}).version`]);
  return { python: python.toString().trim(), node: node.toString().trim() };
}

/** A model's bundle with as little measuring as there can be. */
async function bundleOf(model: string, folder: string, options: readonly string[]): Promise<string> {
  const { exitCode, stderr } = await cachequant([
    ...['optimize', model, '--out', folder, '--layers', 'all', '--effort', 'fast'],
    ...['--calibration-images', '2', '--verification-images', '1', ...options],
  ]);
  expect(stderr.slice(-2000), stderr).not.toMatch(/Error/);
  expect(exitCode).toBe(0);
  return folder;
}

it('draws pictures in Python that are those of Node', { timeout: 600_000 }, async (context) => {
  const missing = missingPython();
  if (missing !== undefined)
    return context.skip(`no Python with onnxruntime, tokenizers and pytest: ${missing}`);
  const folder = temporaryFolder();
  const bundle = await bundleOf('models/fashion-sd', join(folder, 'fashion'), [
    ...['--steps', '8', '--interval', '3', '--guidance-scale', '4', '--schedule', 'forecast-dp'],
  ]);
  const distilled = await bundleOf('models/tiny/lcm', join(folder, 'lcm'), ['--steps', '4']);
  // Trained weights with PLMS and one text encoder, and a model that takes its guidance scale as an input.
  const made: PictureCase[] = [
    { name: 'lcm', bundle: distilled, request: { prompt: 'a red shoe!', seed: 5, guidanceScale: 6 } },
    { name: 'fashion', bundle, request: { prompt: 'a photo of a red sneaker', seed: 7 } },
    { name: 'fashion-steps', bundle, request: { prompt: 'a blue dress', seed: 8, steps: 12 } },
    { name: 'fashion-ddim', bundle, request: { prompt: 'a blue dress', seed: 9, sampler: 'ddim', steps: 9 } },
  ];
  const pictures = join(folder, 'pictures');
  await drawPictures(pictures, [...PICTURE_CASES, ...made]);
  if (process.env.UPDATE_PICTURES) await drawPictures(inRepository('python/tests/pictures'), PICTURE_CASES);
  const { python, node } = runtimeVersions();
  const result = spawnSync(PYTHON, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests'], {
    cwd: inRepository('python'),
    encoding: 'utf8',
    env: {
      ...process.env,
      PYTHONPATH: inRepository('python/src'),
      PYTHONDONTWRITEBYTECODE: '1',
      CACHEQUANT_PICTURES: pictures,
      CACHEQUANT_SAME_RUNTIME: python === node ? '1' : '',
    },
  });
  expect(result.stdout + result.stderr).toMatch(/\d+ passed/);
  expect(result.status, result.stdout).toBe(0);
  if (python !== node) context.annotate(`onnxruntime ${python} in Python, ${node} in Node`);
});
