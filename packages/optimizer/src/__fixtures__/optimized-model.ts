import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { type Runtime, type Storage, writeFile } from '@cachequant/tensor';
import { type OptimizationWithModel, optimizeKeepingModel } from '../optimize.js';
import type { OptimizeOptions } from '../recipe.js';
import type { NamedStage } from '../work/stage.js';
import type { StageProgress } from '../work/stage-runner.js';
import { modelStorage } from './models.js';

/** Six network calls, three refreshes, two images, no layer measured: as little as shows every other part. */
export const SMALL_RUN = {
  steps: 5,
  interval: 2,
  guidanceScale: 4,
  calibrationImages: 2,
  verificationImages: 1,
  prompts: ['a red sneaker', 'a blue dress'],
  schedule: 'forecast-dp',
  layers: 'all',
  floatGraphs: 'always',
} as const satisfies OptimizeOptions;

export interface OptimizedModel extends OptimizationWithModel {
  readonly runtime: Runtime;
  readonly source: Storage;
  readonly work: Storage;
  readonly out: Storage;
  /** Everything that was told of the run. */
  readonly stages: readonly NamedStage[];
  readonly progress: readonly StageProgress[];
  dispose(): Promise<void>;
}

interface OptimizedModelOptions {
  /** A folder of models/. */
  readonly name?: string;
  /** What the runtime is while it optimizes. */
  readonly on?: (runtime: Runtime) => Runtime;
  readonly shardBytes?: number;
}

/**
 * A copy of a model of the repository, optimized into a temporary folder.
 */
export async function optimizedModel(
  options: OptimizeOptions = SMALL_RUN,
  { name = 'fashion-sd', on = (runtime) => runtime, shardBytes }: OptimizedModelOptions = {},
): Promise<OptimizedModel> {
  const folder = await mkdtemp(join(tmpdir(), 'cachequant-'));
  const runtime = await createNodeRuntime({ threads: 1 });
  const place = (name: string) => nodeStorage(join(folder, name));
  const [source, work, out] = [place('model'), place('work'), place('out')];
  const model = modelStorage(name);
  for (const path of await model.list()) await writeFile(source, path, await model.read(path));
  const stages: NamedStage[] = [];
  const progress: StageProgress[] = [];
  const studied = await optimizeKeepingModel({
    source,
    work,
    out,
    runtime: on(runtime),
    options,
    onStage: (stage) => stages.push(stage),
    onProgress: (told) => progress.push(told),
    ...(shardBytes && { shardBytes }),
  });
  const dispose = async () => {
    await runtime.dispose();
    await rm(folder, { recursive: true });
  };
  return { ...studied, runtime, source, work, out, stages, progress, dispose };
}
