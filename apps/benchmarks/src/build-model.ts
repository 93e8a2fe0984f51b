import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { GraphIndex, openSource, readModelFrom } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, throwIfAborted, toBytes, writeFile } from '@cachequant/tensor';
import { fanInOf, SeededWeights } from './seeded-weights.js';

const WEIGHTS = 'unet/weights.bin';

const CONFIG = {
  _class_name: 'UNet2DConditionModel',
  in_channels: 4,
  sample_size: 64,
  cross_attention_dim: 768,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
};

/** As in Stable Diffusion 1.5. */
export const SCHEDULER_CONFIG = {
  _class_name: 'PNDMScheduler',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
};

/**
 * Makes a model folder of a graph without weights, once: one tensor in memory at a time.
 * @param skeleton folder with the graph
 * @returns the storage of the model folder
 */
export async function buildModel(
  skeleton: string,
  folder: string,
  signal: AbortSignal,
  onProgress: (bytes: number, total: number) => void,
): Promise<Storage> {
  const storage = nodeStorage(folder);
  const model = await readModelFrom(await openSource(nodeStorage(skeleton), 'model.onnx'), { signal });
  const { graph } = model;
  const missing = [...graph.initializers.values()].flatMap((weight) =>
    weight.data.kind === 'external' ? [{ weight, data: weight.data }] : [],
  );
  const total = missing.reduce((most, { data }) => Math.max(most, data.offset + data.length), 0);
  if ((await storage.stat(WEIGHTS))?.size === total) return storage;
  await mkdir(path.join(folder, 'unet'), { recursive: true });
  await copyFile(path.join(skeleton, 'model.onnx'), path.join(folder, 'unet/model.onnx'));
  await writeFile(storage, 'model_index.json', JSON.stringify({ _class_name: 'StableDiffusionPipeline' }));
  await writeFile(storage, 'unet/config.json', JSON.stringify(CONFIG));
  await writeFile(storage, 'scheduler/scheduler_config.json', JSON.stringify(SCHEDULER_CONFIG));
  const index = new GraphIndex(graph);
  const weights = new SeededWeights(0);
  const writer = await storage.create(WEIGHTS);
  let written = 0;
  try {
    for (const [position, { weight, data }] of missing.entries()) {
      throwIfAborted(signal);
      if (data.offset > written) await writer.write(new Uint8Array(data.offset - written));
      await writer.write(toBytes(weights.fill(weight, fanInOf(index, weight), position)));
      written = data.offset + data.length;
      onProgress(written, total);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return storage;
}
