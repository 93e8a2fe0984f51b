// @ts-check
import { readModel, writeModel } from '@cachequant/onnx';
import { openModelFolder } from '@cachequant/pipeline';
import { writeFile } from '@cachequant/tensor';

/** What draws a picture beside the graphs, and the card. */
const BESIDE = /^(README\.md|model_index\.json|(scheduler|tokenizer)\/.+)$/;

/**
 * Writes the graphs that draw a picture, so that the page neither loads what builds them of a checkpoint nor downloads
 * the encoder that it never runs.
 *
 * @param {import('@cachequant/tensor').Storage} from a model folder
 * @param {import('@cachequant/tensor').Storage} to
 */
export async function exportModel(from, to) {
  const { storage, denoiser, textEncoder, vaeDecoder } = await openModelFolder(from);
  for (const part of [denoiser, textEncoder, vaeDecoder]) {
    if (part === undefined) continue;
    await writeModel(to, part.model, await readModel(storage, part.model));
    const config = `${part.model.slice(0, part.model.lastIndexOf('/'))}/config.json`;
    await writeFile(to, config, await storage.read(config));
  }
  for (const path of await from.list()) {
    if (BESIDE.test(path)) await writeFile(to, path, await from.read(path));
  }
}
