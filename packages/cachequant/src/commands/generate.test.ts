import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readPngText } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';
import { imageFileName, imageJobs } from '../options/generation-options.js';
import { metadataText, type PictureMetadata } from '../pictures/picture-metadata.js';
import { savePicture } from '../pictures/save-picture.js';

describe('generate fails and says why', () => {
  test.each([
    ['a scheduler that there is none of', 'NoSuchScheduler', [], 'there is no sampler "NoSuchScheduler"'],
    ['more steps than the model has', 'DDIMScheduler', ['--steps', '1001'], 'steps'],
    ['a size that the model cannot make', 'DDIMScheduler', ['--width', '33'], 'The nearest is 32'],
    ['a prompt for a model without text', 'DDIMScheduler', ['--prompt', 'a shoe'], 'the model takes no text'],
  ])('%s', async (_, sampler, options, message) => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'model'), sampler);
    const { exitCode, stdout, stderr } = await cachequant(['generate', 'model', '--steps', '2', ...options], {
      cwd: folder,
    });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('bug in cachequant');
  });

  test('a folder that cannot be written', async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'model'));
    writeFileSync(join(folder, 'file'), '');
    const { exitCode, stderr } = await cachequant(
      ['generate', 'model', '--steps', '1', '--out', 'file/pictures'],
      {
        cwd: folder,
      },
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('there is a file where a folder is needed');
  });
});

describe('generate keeps pictures apart and says how they were made', () => {
  const draw = async (folder: string, ...argv: string[]) => {
    const result = await cachequant(['generate', 'model', '--steps', '2', '--json', ...argv], {
      cwd: folder,
    });
    expect([result.exitCode, result.stderr.includes('bug')]).toEqual([0, false]);
    const { images } = JSON.parse(result.stdout) as { images: { file: string }[] };
    return { ...result, names: images.map(({ file }) => basename(file)) };
  };

  test('never replaces a picture; the same one again is the same file; --like repeats it', {
    timeout: 300_000,
  }, async () => {
    const folder = temporaryFolder();
    makeTinyPipeline(join(folder, 'model'));
    const bytesOf = (name: string) => readFileSync(join(folder, name));
    expect((await draw(folder, '--seed', '3')).names).toEqual(['image-3.png']);
    const first = bytesOf('image-3.png');
    expect((await draw(folder, '--seed', '3', '--steps', '3')).names).toEqual(['image-3-2.png']);
    expect(bytesOf('image-3.png').equals(first)).toBe(true);
    expect(bytesOf('image-3-2.png').equals(first)).toBe(false);
    expect((await draw(folder, '--seed', '3')).names).toEqual(['image-3.png']);

    const { parameters, cachequant: json } = readPngText(bytesOf('image-3-2.png'));
    expect(parameters).toMatch(
      /^\nSteps: 3, Sampler: DDIMScheduler, Seed: 3, Size: 32x32, Model hash: [0-9a-f]{10}, Model: model, Version: cachequant /,
    );
    expect(JSON.parse(json!)).toMatchObject({
      seed: 3,
      steps: 3,
      width: 32,
      height: 32,
      model: { kind: 'folder' },
    });

    const again = ['--out', 'again', '--like', 'image-3-2.png'];
    const repeated = await cachequant(['generate', 'model', ...again, '--json'], { cwd: folder });
    expect(repeated.stderr).not.toContain('another model');
    expect(readFileSync(join(folder, 'again/image-3.png')).equals(bytesOf('image-3-2.png'))).toBe(true);
    // What is given holds, here another seed.
    expect((await draw(folder, ...again, '--seed', '4', '--steps', '3')).names).toEqual(['image-4.png']);

    expect((await draw(folder, '--seed', '3', '--out', 'bare', '--no-metadata')).names).toEqual([
      'image-3.png',
    ]);
    expect(readPngText(bytesOf('bare/image-3.png'))).toEqual({});
    expect(decode(bytesOf('bare/image-3.png')).data).toEqual(decode(first).data);

    const config = join(folder, 'model/scheduler/scheduler_config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('1000', '999'));
    const other = await cachequant(['generate', 'model', '--out', 'other', '--like', 'image-3.png'], {
      cwd: folder,
    });
    expect(other.stderr).toContain('warning: The picture was made with another model (model)');

    for (const [picture, message] of [
      ['bare/image-3.png', 'the picture does not say how it was made'],
      ['model/model_index.json', 'the picture does not say how it was made'],
      ['none.png', 'the picture cannot be read'],
    ] as const) {
      const { exitCode, stderr } = await cachequant(['generate', 'model', '--like', picture], {
        cwd: folder,
      });
      expect([exitCode, stderr.includes('bug')]).toEqual([1, false]);
      expect(stderr).toContain(message);
    }
  });

  test('savePicture gives each of many at once a name of its own', async () => {
    const storage = nodeStorage(temporaryFolder());
    const pictures = Array.from({ length: 6 }, (_, i) => Uint8Array.of(i));
    const names = await Promise.all(pictures.map((file) => savePicture(storage, 'a.png', file)));
    expect([...names].sort()).toEqual(['a-2.png', 'a-3.png', 'a-4.png', 'a-5.png', 'a-6.png', 'a.png']);
    for (const [i, name] of names.entries()) expect(await storage.read(name)).toEqual(pictures[i]);
  });

  test('metadataText(made) is what other programs read, and what --like reads, in any language', () => {
    const made: PictureMetadata = {
      version: 'cachequant 1.0.0',
      prompt: '赤い靴\n(two lines), “quoted”',
      negativePrompt: 'blurry',
      seed: 7,
      sampler: 'PNDMScheduler',
      steps: 50,
      guidanceScale: 7.5,
      width: 512,
      height: 768,
      model: { kind: 'bundle', name: 'shoes, red', fingerprint: '0123456789abcdef' },
    };
    const { parameters, cachequant: json } = metadataText(made);
    expect(parameters).toBe(
      '赤い靴\n(two lines), “quoted”\nNegative prompt: blurry\nSteps: 50, Sampler: PNDMScheduler, CFG scale: 7.5, ' +
        'Seed: 7, Size: 512x768, Model hash: 0123456789, Model: "shoes, red", Version: cachequant 1.0.0',
    );
    expect(json).toMatch(/^[ -~]*$/);
    expect(JSON.parse(json!)).toEqual(made);
  });
});

describe('imageJobs(options)', () => {
  test('makes `count` images a prompt, with ascending seeds', () => {
    expect(imageJobs({ prompt: ['a', 'b'], count: 2, seed: 5 })).toEqual([
      { prompt: 'a', seed: 5 },
      { prompt: 'a', seed: 6 },
      { prompt: 'b', seed: 7 },
      { prompt: 'b', seed: 8 },
    ]);
  });
});

describe('imageFileName(job)', () => {
  test.each([
    ['A red sneaker!', 7, 'a-red-sneaker-7.png'],
    ['../../etc/passwd', 0, 'etc-passwd-0.png'],
    ['Café à Zürich', 1, 'cafe-a-zurich-1.png'],
    ['赤い靴', 2, '赤い靴-2.png'],
    ['?!', 3, 'image-3.png'],
    [undefined, 4, 'image-4.png'],
  ])('of %j is a file name with the seed', (prompt, seed, name) => {
    expect(imageFileName({ prompt, seed })).toBe(name);
  });

  test('of a long prompt is short', () => {
    expect(imageFileName({ prompt: 'word '.repeat(100), seed: 1 }).length).toBeLessThan(60);
  });
});
