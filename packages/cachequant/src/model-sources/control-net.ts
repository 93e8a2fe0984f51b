import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { fetchModel, isModelId } from './hub-model.js';
import type { SourceContext } from './source-context.js';

/**
 * Finds a ControlNet that goes beside a model: a folder, or an id on the Hub.
 * @throws CacheQuantError `storage` where there is none, `hub` for what the Hub is to blame for, `unsupported` for a file
 */
export async function openControlNet(given: string, context: SourceContext): Promise<Storage> {
  return nodeStorage(await folderOf(given, context));
}

async function folderOf(given: string, context: SourceContext): Promise<string> {
  const path = resolve(context.cwd, given);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return path;
  if (found?.isFile()) {
    throw new CacheQuantError('unsupported', 'a file does not say what its ControlNet is made of', {
      where: `--controlnet ${given}`,
      expected: 'a folder with its config.json, as diffusers saves it',
      hint: 'Most are published so as well; otherwise save it again with ControlNetModel.from_single_file',
    });
  }
  // The revision is that of the model.
  if (isModelId(given)) return (await fetchModel(given, path, { ...context, revision: undefined })).folder;
  throw new CacheQuantError('storage', 'there is no such folder', {
    where: `--controlnet ${given}`,
    ...(path !== given && { got: path }),
    hint: 'Check the path. Models of the Hugging Face Hub are called owner/name',
  });
}
