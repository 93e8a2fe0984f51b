import { rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { runChild } from '../child.js';
import { SDXL, writeSeededModel } from './models.js';
import type { ImportRequest } from './request.js';
import type { ImportResults } from './results.js';

/** Optimizes Stable Diffusion XL's U-Net from its diffusers folder, from the start, and watches its memory. */
export async function measureSdxl({
  work,
  latentSize,
  signal,
  log,
}: ImportRequest): Promise<Partial<ImportResults>> {
  const [model, steps, out] = ['sdxl', 'sdxl-work', 'sdxl-bundle'].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
  ];
  log("weights of Stable Diffusion XL's U-Net");
  const { unet: parameters = 0 } = await writeSeededModel(model, SDXL, signal);
  for (const folder of [steps, out]) await rm(folder, { recursive: true, force: true });
  const names: string[] = [];
  const peaks: number[] = [];
  const args = [model, steps, out, String(latentSize)];
  const { seconds, peakBytes, peakResidentBytes } = await runChild(
    'import/optimize-sdxl-unet.js',
    args,
    signal,
    (line, peak) => {
      log(`sdxl: ${line}`);
      names.push(line);
      peaks.push(peak);
    },
  );
  return {
    sdxl: {
      measuredAt: new Date().toISOString(),
      parameters,
      sourceBytes: (await stat(path.join(model, 'unet', SDXL.parts[0]!.file))).size,
      latentSize,
      ...{ seconds, peakBytes, peakResidentBytes },
      // A stage is named when it begins; the peak until then is that of the stages before it.
      stages: names.map((name, i) => ({ name, peakBytes: peaks[i + 1] ?? peakBytes })),
      bundleBytes: await sizeOf(out),
      workBytes: await sizeOf(steps),
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await nodeStorage(folder).list()) sum += (await stat(path.join(folder, name))).size;
  return sum;
}
