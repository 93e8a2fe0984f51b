import {
  createBundleGenerator,
  createGenerator,
  type GenerationRequest,
  type Generator,
  MANIFEST,
  readManifest,
} from '@cachequant/pipeline';
import { sealManifest } from '@cachequant/pipeline/internals';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelStorage } from '../__fixtures__/models.js';
import { unknownFamily, unknownModel } from '../__fixtures__/unknown-family.js';
import { optimize } from '../optimize.js';
import type { OptimizeOptions } from '../recipe.js';

const OPTIONS: OptimizeOptions = {
  steps: 4,
  interval: 2,
  bits: 'none',
  guidanceScale: 4,
  calibrationImages: 1,
  verificationImages: 1,
  offCalibrationImages: 0,
  prompts: ['a red shoe', 'a fox'],
  schedule: 'uniform',
  components: 'keep',
};
const REQUEST = { prompt: 'a red shoe', seed: 4 };

describe('a bundle of a family that its reader does not know', { timeout: 120_000 }, () => {
  const bundle = memoryStorage();
  let runtime: Runtime;
  let source: Storage;

  beforeAll(async () => {
    runtime = await createNodeRuntime({ threads: 1 });
    source = await unknownModel();
    const families = [unknownFamily];
    await optimize({ source, work: memoryStorage(), out: bundle, runtime, options: OPTIONS, families });
  }, 120_000);
  afterAll(() => runtime.dispose());

  async function pictureOf(opened: Promise<Generator>, request: GenerationRequest = REQUEST) {
    const generator = await opened;
    try {
      return (await generator.generate(request)).images[0]!.rgb;
    } finally {
      await generator.dispose();
    }
  }

  it('is of a model that nobody could run without the family', async () => {
    await expect(createGenerator({ storage: source, runtime })).rejects.toThrow(
      /no model family feeds.*summary, frame, words/,
    );
  });

  it('names in its manifest where each input comes from', async () => {
    const { formatVersion, denoiser, conditioning } = await readManifest(bundle);
    expect(formatVersion).toBe(2);
    expect(denoiser.full.inputs).toEqual({
      sample: 'sample',
      timestep: 'timestep',
      words: 'conditioning',
      summary: 'conditioning',
      frame: 'conditioning',
    });
    expect(conditioning).toMatchObject({
      family: 'two encoders of a stranger',
      inputs: { summary: { from: 'pooled', encoder: 'text_encoder_right' } },
    });
  });

  it('makes its pictures by what the manifest says alone: those of the model under its own names', async () => {
    const made = await pictureOf(createBundleGenerator({ storage: bundle, runtime }));
    const known = memoryStorage();
    await optimize({
      source: modelStorage('tiny/sdxl'),
      work: memoryStorage(),
      out: known,
      runtime,
      options: OPTIONS,
    });
    expect(made).toEqual(await pictureOf(createBundleGenerator({ storage: known, runtime })));
    const other = { ...REQUEST, prompt: 'a fox', negativePrompt: 'a shoe' };
    expect(await pictureOf(createBundleGenerator({ storage: bundle, runtime }), other)).toEqual(
      await pictureOf(createBundleGenerator({ storage: known, runtime }), other),
    );
  });

  it('needs the family where its manifest does not say it, and refuses by the inputs', async () => {
    const { conditioning: _, ...manifest } = await readManifest(bundle);
    const older = memoryStorage();
    for (const path of await bundle.list()) await writeFile(older, path, await bundle.read(path));
    await writeFile(older, MANIFEST, sealManifest(manifest));
    await expect(createBundleGenerator({ storage: older, runtime })).rejects.toThrow(/no model family feeds/);
    const families = [unknownFamily];
    const made = await pictureOf(createBundleGenerator({ storage: older, runtime, families }));
    expect(made).toEqual(await pictureOf(createBundleGenerator({ storage: bundle, runtime })));
  });

  it.each([
    ['an encoder that is not described', { inputs: { summary: { from: 'pooled', encoder: 'another' } } }],
    ['a source of no known kind', { inputs: { summary: { from: 'somewhere' } } }],
    ['a value that requests do not have', { inputs: { frame: { from: 'numbers', values: ['mood'] } } }],
  ])('refuses a manifest with %s', async (_, change) => {
    const manifest = await readManifest(bundle);
    const { conditioning } = manifest;
    const inputs = { ...conditioning!.inputs, ...change.inputs };
    const damaged = memoryStorage();
    for (const path of await bundle.list()) await writeFile(damaged, path, await bundle.read(path));
    await writeFile(
      damaged,
      MANIFEST,
      sealManifest({ ...manifest, conditioning: { ...conditioning!, inputs } as typeof conditioning }),
    );
    const opening = pictureOf(createBundleGenerator({ storage: damaged, runtime }));
    await expect(opening).rejects.toMatchObject({ code: 'bundle' });
  });
});
