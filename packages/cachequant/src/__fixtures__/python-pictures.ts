import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BundleGeneratorOptions,
  createBundleGenerator,
  encodePng,
  type GenerationRequest,
} from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { inRepository } from './command-line.js';

/** A picture that Python is to draw as well. */
export interface PictureCase {
  readonly name: string;
  /** Of the repository, or absolute. */
  readonly bundle: string;
  readonly precision?: BundleGeneratorOptions['precision'];
  readonly request: GenerationRequest;
}

const SDXL = 'fixtures/bundles/tiny-sdxl';
const DDPM = 'fixtures/bundles/format-1';
const PROMPT = 'a red shoe!';

/** Of bundles that lie in the repository. */
export const PICTURE_CASES: readonly PictureCase[] = [
  { name: 'sdxl', bundle: SDXL, request: { prompt: PROMPT, seed: 7 } },
  {
    name: 'sdxl-negative',
    bundle: SDXL,
    request: { prompt: PROMPT, negativePrompt: 'blurry', guidanceScale: 3.5, seed: 8 },
  },
  { name: 'sdxl-unguided', bundle: SDXL, request: { prompt: PROMPT, guidanceScale: 0, seed: 2 ** 40 + 9 } },
  { name: 'sdxl-more-steps', bundle: SDXL, request: { prompt: 'a fox on green', steps: 11, seed: -3 } },
  {
    name: 'sdxl-dpm-solver',
    bundle: SDXL,
    request: { prompt: 'a fox on green', sampler: 'dpm-solver++', seed: 11 },
  },
  {
    name: 'sdxl-ancestral',
    bundle: SDXL,
    request: { prompt: 'a fox on green', sampler: 'euler-a', seed: 12 },
  },
  { name: 'ddpm', bundle: DDPM, request: { seed: 3 } },
  { name: 'ddpm-float32', bundle: DDPM, precision: 'float32', request: { seed: 4 } },
  { name: 'ddpm-float16', bundle: DDPM, precision: 'float16', request: { seed: 5 } },
];

/** The names of Python's arguments. */
const ARGUMENTS = { negativePrompt: 'negative_prompt', guidanceScale: 'guidance_scale' } as const;

/** Draws the pictures and lists them in `cases.json`, with requests as Python's `generate` takes them. */
export async function drawPictures(folder: string, cases: readonly PictureCase[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const listed: object[] = [];
  const runtime = await createNodeRuntime();
  try {
    for (const { name, bundle, precision, request } of cases) {
      const place = bundle.startsWith('/') ? bundle : inRepository(bundle);
      const generator = await createBundleGenerator({ storage: nodeStorage(place), runtime, precision });
      const { images, warnings } = await generator.generate(request);
      writeFileSync(join(folder, `${name}.png`), encodePng(images[0]!));
      listed.push({ name, bundle, precision, request: asArguments(request), warnings });
      await generator.dispose();
    }
  } finally {
    await runtime.dispose();
  }
  writeFileSync(join(folder, 'cases.json'), `${JSON.stringify(listed, null, 2)}\n`);
}

function asArguments(request: GenerationRequest): Record<string, unknown> {
  const named = ARGUMENTS as Record<string, string>;
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [named[name] ?? name, value]));
}
