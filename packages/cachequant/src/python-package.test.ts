import { execFileSync, spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import type { GenerationRequest } from '@cachequant/pipeline';
import { expect, it, type TestContext } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from './__fixtures__/command-line.js';
import {
  drawPictures,
  middle,
  PICTURE_CASES,
  type PictureCase,
  slopes,
} from './__fixtures__/python-pictures.js';

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
    ...[
      '--calibration-images',
      '2',
      '--verification-images',
      '1',
      '--off-calibration-images',
      '0',
      ...options,
    ],
  ]);
  expect(stderr.slice(-2000), stderr).not.toMatch(/Error/);
  expect(exitCode).toBe(0);
  return folder;
}

/** What a family's bundle is asked for, and what it is made with beside the least. */
interface FamilyCases {
  readonly model: string;
  readonly options?: readonly string[];
  readonly requests: Readonly<Record<string, GenerationRequest>>;
}

const SHOE = { prompt: 'a red shoe!', seed: 5 };
const FOX = { prompt: 'a fox on green', seed: 6 };
const SMALL = { image: slopes(32, 32), mask: middle(32, 32) };

/** Every family of models, with what is particular to its requests. */
const FAMILIES: readonly FamilyCases[] = [
  {
    model: 'models/fashion-sd',
    options: ['--steps', '8', '--interval', '3', '--guidance-scale', '4'],
    // Trained weights with PLMS and one text encoder.
    requests: {
      plain: { prompt: 'a photo of a red sneaker', seed: 7 },
      steps: { prompt: 'a blue dress', seed: 8, steps: 12 },
      ddim: { prompt: 'a blue dress', seed: 9, sampler: 'ddim', steps: 9 },
    },
  },
  {
    model: 'models/tiny/lcm',
    requests: {
      plain: { ...SHOE, guidanceScale: 6 },
      changed: { ...FOX, image: slopes(16, 16), strength: 0.6 },
      masked: { ...FOX, image: slopes(16, 16), mask: middle(16, 16) },
      'masked-in-part': { ...FOX, image: slopes(16, 16), mask: middle(16, 16), strength: 0.7 },
    },
  },
  { model: 'models/tiny/sd-turbo', requests: { plain: SHOE } },
  {
    model: 'models/tiny/sd-inpainting',
    requests: { plain: { ...SHOE, ...SMALL }, part: { ...FOX, ...SMALL, strength: 0.7 } },
  },
  {
    model: 'models/tiny/sdxl-refiner',
    requests: { plain: { ...SHOE, image: SMALL.image, negativePrompt: 'blurry' } },
  },
  {
    model: 'models/tiny/dit-pipeline',
    options: ['--class-labels', '3,7'],
    requests: { plain: { classLabel: 3, seed: 5 }, other: { classLabel: 9, seed: 6, guidanceScale: 2 } },
  },
  { model: 'models/tiny/ldm', requests: { plain: { seed: 5 } } },
  { model: 'models/tiny/ldm-text', requests: { plain: { ...SHOE, negativePrompt: 'green' } } },
  {
    model: 'models/tiny/ldm-class',
    options: ['--class-labels', '3,7'],
    requests: { plain: { classLabel: 4, seed: 5 } },
  },
  { model: 'models/tiny/ddpm', requests: { plain: { seed: 5 } } },
  { model: 'models/tiny/ddpm-learned', requests: { plain: { seed: 5 } } },
  { model: 'models/tiny/ddpm-velocity', requests: { plain: { seed: 5 } } },
  { model: 'models/tiny/sd3', requests: { plain: SHOE, negative: { ...FOX, negativePrompt: 'blurry' } } },
  { model: 'models/tiny/sd35', requests: { plain: SHOE, changed: { ...FOX, image: SMALL.image } } },
  {
    model: 'models/tiny/flux-dev',
    options: ['--width', '32', '--height', '24'],
    requests: { plain: SHOE, other: { ...FOX, guidanceScale: 2 } },
  },
  {
    model: 'models/tiny/flux-schnell',
    options: ['--width', '32', '--height', '24'],
    requests: { plain: SHOE, changed: { ...FOX, image: slopes(32, 24) } },
  },
  {
    model: 'models/tiny/pixart-alpha',
    options: ['--width', '24', '--height', '32'],
    requests: { plain: SHOE, negative: { ...FOX, negativePrompt: 'blurry' } },
  },
  { model: 'models/tiny/pixart-sigma', requests: { plain: { ...SHOE, prompt: '  A Red SHOE ' } } },
];

async function casesOf({ model, options, requests }: FamilyCases, folder: string): Promise<PictureCase[]> {
  const name = basename(model);
  const least = [
    ...['--steps', '4', '--interval', '2', '--schedule', 'forecast-dp'],
    ...['--components', 'keep', '--float-graphs', 'never'],
  ];
  const bundle = await bundleOf(model, join(folder, name), [...least, ...(options ?? [])]);
  return Object.entries(requests).map(([what, request]) => ({ name: `${name}-${what}`, bundle, request }));
}

/** Beside the bundles of the repository; the others are left to the full run. */
const QUICK = ['models/fashion-sd', 'models/tiny/lcm', 'models/tiny/dit-pipeline', 'models/tiny/sd3'];
const TIMEOUT = { timeout: 1_800_000 };

it('draws pictures in Python that are those of Node', TIMEOUT, (context) => {
  const quick = FAMILIES.filter(({ model }) => QUICK.includes(model));
  return testInPython(context, 'tests', PICTURE_CASES, quick);
});

it('draws pictures of all other families in Python', { ...TIMEOUT, tags: 'full' }, (context) => {
  const others = FAMILIES.filter(({ model }) => !QUICK.includes(model));
  return testInPython(context, 'tests/test_pictures.py', [], others);
});

async function testInPython(
  context: TestContext,
  tests: string,
  cases: readonly PictureCase[],
  families: readonly FamilyCases[],
): Promise<void> {
  const missing = missingPython();
  if (missing !== undefined)
    return context.skip(`no Python with onnxruntime, tokenizers and pytest: ${missing}`);
  const folder = temporaryFolder();
  const made: PictureCase[] = [];
  for (const family of families) made.push(...(await casesOf(family, folder)));
  const pictures = join(folder, 'pictures');
  await drawPictures(pictures, [...cases, ...made]);
  if (process.env.UPDATE_PICTURES) await drawPictures(inRepository('python/tests/pictures'), PICTURE_CASES);
  const { python, node } = runtimeVersions();
  const result = spawnSync(PYTHON, ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', tests], {
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
}
