import { fileURLToPath } from 'node:url';
import { readModel, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';
import { type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { openModelFolder } from '../model/model-folder.js';
import { withControlNet } from '../model/with-control-net.js';

const MODELS = new URL('../../../../models/', import.meta.url);

/** A folder of the repository's models. */
export function modelStorage(name: string): Storage {
  return nodeStorage(fileURLToPath(new URL(name, MODELS)));
}

/** A copy of a model in memory; files that are given replace the model's, undefined ones are left out. */
export async function modelCopy(
  name: string,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<Storage> {
  const source = modelStorage(name);
  const copy = memoryStorage();
  for (const path of await source.list()) {
    if (!(path in changes)) await writeFile(copy, path, await source.read(path));
  }
  for (const [path, content] of Object.entries(changes)) {
    if (content !== undefined) await writeFile(copy, path, content);
  }
  return copy;
}

/** A model of the repository with one of its ControlNets beside it. */
export function controlledStorage(name: string, control: string): Promise<Storage> {
  return withControlNet(modelStorage(name), modelStorage(control));
}

/** models/tiny/lcm with its U-Net as PyTorch exports it, and the other parts as graphs of their own. */
export async function exportedLcm(): Promise<Storage> {
  const copy = memoryStorage();
  const { storage } = await openModelFolder(modelStorage('tiny/lcm'));
  for (const path of [
    'model_index.json',
    'scheduler/scheduler_config.json',
    ...(await storage.list('tokenizer')),
  ]) {
    await writeFile(copy, path, await storage.read(path));
  }
  for (const part of ['text_encoder', 'vae_decoder']) {
    const model = await readModel(storage, `${part}/model.onnx`);
    await writeModel(copy, `${part}/model.onnx`, model);
    await writeFile(copy, `${part}/config.json`, await storage.read(`${part}/config.json`));
  }
  const unet = modelStorage('tiny/lcm-unet');
  for (const path of await unet.list()) await writeFile(copy, `unet/${path}`, await unet.read(path));
  return copy;
}
