import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime, Storage } from '@cachequant/tensor';
import { type OptimizeSummary, optimize } from '../optimize/optimize.js';
import type { OptimizeOptions } from '../optimize/recipe.js';
import { modelStorage } from './models.js';

/** Six network calls, three refreshes, two images: as little as shows every part. */
export const SMALL_RUN = {
  steps: 5,
  interval: 2,
  guidanceScale: 4,
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a red sneaker', 'a blue dress'],
  schedule: 'forecast-dp',
} as const satisfies OptimizeOptions;

export interface OptimizedModel {
  readonly runtime: Runtime;
  readonly source: Storage;
  readonly work: Storage;
  readonly out: Storage;
  readonly summary: OptimizeSummary;
  dispose(): Promise<void>;
}

/** models/fashion-sd, optimized into a temporary folder. */
export async function optimizedModel(options: OptimizeOptions = SMALL_RUN): Promise<OptimizedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
  const runtime = await createNodeRuntime();
  const source = modelStorage('fashion-sd');
  const [work, out] = ['work', 'out'].map((name) => nodeStorage(join(folder, name))) as [Storage, Storage];
  const summary = await optimize({ source, work, out, runtime, options });
  const dispose = async () => {
    await runtime.dispose();
    await rm(folder, { recursive: true });
  };
  return { runtime, source, work, out, summary, dispose };
}
