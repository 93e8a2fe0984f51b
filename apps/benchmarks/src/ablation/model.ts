import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkpointFolder } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import { parseSchedulerConfig } from '@cachequant/samplers';
import type { Storage } from '@cachequant/tensor';
import { CACHE, MODELS } from '../paths.js';
import type { AblationModel, Student } from './models/ablation-model.js';

/** Everything of a model's ablation that can be made again. */
export function workFolder({ name }: AblationModel): string {
  return path.join(CACHE, '../ablation', name);
}

/** A few-step student as it came, under its teacher's prompts and guidance. */
export async function openStudent(teacher: AblationModel, { name }: Student): Promise<OpenedModel> {
  const folder = path.join(MODELS, name);
  const files = nodeStorage(folder);
  return {
    model: { ...teacher, name },
    source: (await checkpointFolder(files)) ?? files,
    schedulerConfig: parseSchedulerConfig(
      await readFile(path.join(folder, 'scheduler/scheduler_config.json'), 'utf8'),
    ),
    embedsGuidance: true,
  };
}

/** A model as the ablation runs it. */
export interface OpenedModel {
  readonly model: AblationModel;
  readonly source: Storage;
  readonly schedulerConfig: unknown;
  /** Whether the network takes the guidance scale as an input, and no second half. */
  readonly embedsGuidance: boolean;
}

/**
 * Opens a copy of a model whose samplers all go from the last timestep to the clean picture. As Stable Diffusion comes,
 * 50 steps begin at timestep 981 and 400 at 998, and that alone would tell samplers apart.
 */
export async function openOnCommonGrid(model: AblationModel): Promise<OpenedModel> {
  const [original, folder] = [path.join(MODELS, model.name), path.join(workFolder(model), 'model')];
  await mkdir(workFolder(model), { recursive: true });
  await cp(original, folder, { recursive: true, preserveTimestamps: true });
  const config = 'scheduler/scheduler_config.json';
  const schedulerConfig = {
    ...(parseSchedulerConfig(await readFile(path.join(original, config), 'utf8')) as object),
    timestep_spacing: 'trailing',
    set_alpha_to_one: true,
  };
  await writeFile(path.join(folder, config), JSON.stringify(schedulerConfig, null, 2));
  const files = nodeStorage(folder);
  return { model, source: (await checkpointFolder(files)) ?? files, schedulerConfig, embedsGuidance: false };
}
