import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GenerationRequest, Generator } from '@cachequant/pipeline';
import { CacheQuantError, tensor } from '@cachequant/tensor';
import { expect, test } from 'vitest';
import { recordedIo, temporaryFolder } from '../__fixtures__/command-line.js';
import { NO_SCORER } from '../options/evaluate-options.js';
import { createProgress } from '../print/progress.js';
import { type EvaluateRequest, evaluateImages } from './evaluate-images.js';
import { evaluationState } from './evaluation-state.js';

/** Draws gray pictures that depend on the seed; stops as if interrupted after some of them. */
function gray(shade: number, drawn: number[], stopAfter = Number.POSITIVE_INFINITY): Generator {
  const generate = async ({ seed = 0, onStep }: GenerationRequest) => {
    if (drawn.length >= stopAfter) throw new CacheQuantError('aborted', 'stopped on request');
    drawn.push(seed);
    const latents = tensor('float32', [1, 1, 1, 1], Float32Array.of(1 + shade));
    await onStep?.({ latents } as never);
    const rgb = new Uint8Array(16 * 16 * 3).fill(100 + shade + seed);
    return { images: [{ width: 16, height: 16, rgb, seed, prompt: undefined, latents }] };
  };
  return { generate, defaults: { steps: 1, guidanceScale: 1 } } as unknown as Generator;
}

async function request(folder: string, images: number, generator: Generator): Promise<EvaluateRequest> {
  const { io } = recordedIo(folder);
  const options = { out: 'result.json', seed: 7, count: 1, images };
  const state = await evaluationState(join(folder, 'result.json'), { folders: [], options: { seed: 7 } });
  return {
    generator,
    reference: gray(0, []),
    known: NO_SCORER,
    subjects: [{}],
    options,
    state,
    progress: createProgress(io.stderr),
    io,
  };
}

test('evaluateImages goes on where it was stopped, and measures what an unbroken run measures', async () => {
  const folder = temporaryFolder();
  const whole = await evaluateImages(await request(temporaryFolder(), 5, gray(2, [])));
  const [first, second]: number[][] = [[], []];
  await expect(evaluateImages(await request(folder, 5, gray(2, first!, 3)))).rejects.toThrow('stopped');
  const resumed = await evaluateImages(await request(folder, 5, gray(2, second!)));
  expect([first, second]).toEqual([
    [7, 8, 9],
    [10, 11],
  ]);
  expect(resumed).toEqual(whole);
  expect(whole.errorPerCall).toEqual([2]);
});

test.each([
  ['nested too deep', `{"fingerprint":${'['.repeat(1e6)}`],
  ['a person’s notes', 'precious'],
  ['JSON of something else', '{"chapter":1}'],
])('evaluationState refuses to replace %s', async (_, content) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'result.json.partial'), content);
  const state = await evaluationState(join(folder, 'result.json'), { folders: [], options: {} });
  await expect(state.load()).rejects.toMatchObject({
    code: 'storage',
    where: join(folder, 'result.json.partial'),
  });
});
