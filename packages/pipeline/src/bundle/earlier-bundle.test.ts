import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { psnr, type RgbImage } from '@cachequant/evaluate';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { createBundleGenerator } from './bundle-generator.js';
import { openBundle } from './open-bundle.js';
import { openPlanner } from './replan.js';

const BUNDLES = new URL('../../../../fixtures/bundles/', import.meta.url);
const storage = nodeStorage(fileURLToPath(new URL('format-1', BUNDLES)));

function pictureOf(file: string): RgbImage {
  const { width, height, data, channels } = decode(readFileSync(new URL(file, BUNDLES)));
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    Number(data[Math.floor(i / 3) * channels + (i % 3)]),
  );
  return { width, height, rgb };
}

describe('a bundle of format 1, as versions before the optimizer package wrote it', () => {
  it('opens, with what it says of itself', async () => {
    const { manifest, verification } = await openBundle(storage);
    expect(manifest).toMatchObject({
      formatVersion: 1,
      sampler: { name: 'DDIMScheduler', steps: 6, calls: 6 },
      bits: { weights: 7, activations: 8, target: 'portable' },
    });
    expect(verification?.images).toBe(1);
  });

  it('makes the picture that it made then', async () => {
    const runtime = await createNodeRuntime({ threads: 1 });
    const generator = await createBundleGenerator({ storage, runtime });
    const { images, timings } = await generator.generate({ seed: 3 });
    // Other processors round some integers to the next level; another picture is at 10 dB.
    expect(psnr(pictureOf('format-1-seed-3.png'), images[0]!)).toBeGreaterThan(20);
    expect(timings.runs[0]!.calls.map(({ kind }) => kind)).toContain('cached');
    await generator.dispose();
    await runtime.dispose();
  });

  it('can be planned again, but for what it holds no moments of', async () => {
    const { manifest } = await openBundle(storage);
    const planner = await openPlanner(storage, manifest);
    expect(planner?.corrections).toEqual(['forecast', 'none']);
    expect(planner?.plan({ interval: 3, schedule: 'uniform', correction: 'forecast' }).refreshCalls).toEqual([
      0, 3,
    ]);
  });
});
