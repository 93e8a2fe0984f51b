import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BundleGeneratorOptions,
  createBundleGenerator,
  encodePng,
  type GenerationRequest,
  type RgbImage,
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
const ARGUMENTS = {
  negativePrompt: 'negative_prompt',
  guidanceScale: 'guidance_scale',
  classLabel: 'class_label',
} as const;

/** Slopes of three colours, another one for each phase. */
export function slopes(width: number, height: number, phase = 0): RgbImage {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < rgb.length; i++) {
    const [channel, pixel] = [i % 3, Math.floor(i / 3)];
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    rgb[i] = (x * (5 + channel) + y * (9 - 2 * channel) + 60 * channel + 37 * phase) % 256;
  }
  return { width, height, rgb };
}

/** White in the middle, with soft edges of all grays, black around it. */
export function middle(width: number, height: number): RgbImage {
  const rgb = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    const distance = Math.max(Math.abs(x / width - 0.5), Math.abs(y / height - 0.5));
    const gray = Math.round(255 * Math.min(Math.max(1.6 - 4 * distance, 0), 1));
    rgb.fill(gray, 3 * pixel, 3 * pixel + 3);
  }
  return { width, height, rgb };
}

/** Draws the pictures and lists them in `cases.json`, with requests as Python's `generate` takes them. */
export async function drawPictures(folder: string, cases: readonly PictureCase[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const listed: object[] = [];
  const runtime = await createNodeRuntime({ threads: 1 });
  try {
    for (const { name, bundle, precision, request } of cases) {
      const place = bundle.startsWith('/') ? bundle : inRepository(bundle);
      const generator = await createBundleGenerator({ storage: nodeStorage(place), runtime, precision });
      const { images, warnings } = await generator.generate(request);
      writeFileSync(join(folder, `${name}.png`), encodePng(images[0]!));
      const pictures = writePictures(folder, name, request);
      listed.push({ name, bundle, precision, request: asArguments(request), ...pictures, warnings });
      await generator.dispose();
    }
  } finally {
    await runtime.dispose();
  }
  writeFileSync(join(folder, 'cases.json'), `${JSON.stringify(listed, null, 2)}\n`);
}

/** Writes the pictures that a request changes, and says under which names. */
function writePictures(folder: string, name: string, { image, mask }: GenerationRequest) {
  const given = Object.entries({ image, mask }).filter(([, picture]) => picture !== undefined);
  for (const [what, picture] of given)
    writeFileSync(join(folder, `${name}.${what}.png`), encodePng(picture!));
  return given.length === 0 ? {} : { pictures: given.map(([what]) => what) };
}

/** But for pictures, which lie beside the list. */
function asArguments({ image: _, mask: __, ...request }: GenerationRequest): Record<string, unknown> {
  const named = ARGUMENTS as Record<string, string>;
  return Object.fromEntries(Object.entries(request).map(([name, value]) => [named[name] ?? name, value]));
}
