import type { HttpStorage, KnownFile } from '@cachequant/runtime-web';
import { parseJson, readText } from '@cachequant/tensor';

const INDEX = 'model_index.json';

/** What the entries of `model_index.json` are called as folders, where that is not their own name. */
const FOLDERS: Readonly<Record<string, string>> = { vae: 'vae_decoder' };

/** Files that a component may have, as exporters write them. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  tokenizer: [
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'vocab.json',
    'vocab.txt',
    'merges.txt',
  ],
  scheduler: ['scheduler_config.json'],
};
const GRAPH_FILES = ['config.json', 'model.onnx', 'model.onnx_data', 'model.onnx.data'];

/** A server does not list a folder, so each file that a model may have is asked for, by the folders of its index. */
export async function modelFolderFiles(storage: HttpStorage): Promise<Record<string, KnownFile>> {
  const index = await storage.find([INDEX]);
  if (index[INDEX] === undefined) return storage.find(GRAPH_FILES);
  const parts = Object.entries(parseJson(await readText(storage, INDEX), INDEX) as Record<string, unknown>)
    .filter(([, value]) => Array.isArray(value))
    .map(([name]) => FOLDERS[name] ?? name);
  const candidates = parts.flatMap((part) => (FILES[part] ?? GRAPH_FILES).map((file) => `${part}/${file}`));
  return { ...index, ...(await storage.find(candidates)) };
}
