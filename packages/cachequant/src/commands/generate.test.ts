import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cachequant, temporaryFolder } from '../__fixtures__/command-line.js';
import { makeTinyPipeline } from '../__fixtures__/tiny-pipeline.js';
import { imageFileName, imageJobs } from '../generation-options.js';

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
