import { CacheQuantError, openSource, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { isTiny } from './component-configs.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';
import { readJson } from './read-json.js';

const configSchema = z.looseObject({ _class_name: z.string().optional() });

/** Where a decoder that was exported may lie in a folder of its own. */
const GRAPHS = ['model.onnx', 'decoder/model.onnx', 'vae_decoder/model.onnx', 'tiny_decoder/model.onnx'];

/**
 * Shows a model with the tiny decoder of another folder, in `tiny_decoder/`, in place of one that it may have.
 * @param tiny an AutoencoderTiny as diffusers saves it (`config.json` and safetensors), or its decoder as ONNX with the
 * `config.json`
 * @throws CacheQuantError `invalid-argument` for a folder that holds something else
 */
export async function withTinyDecoder(model: Storage, tiny: Storage): Promise<Storage> {
  const config = await tinyConfig(tiny);
  const { readGraph } = await import('./tiny-decoder-graph.js');
  const graph = once(async () => {
    for (const path of GRAPHS) if (await tiny.stat(path)) return readGraph(tiny, path);
    return readGraph(tiny, undefined);
  });
  // What cannot be read is refused now.
  await graph();
  const files = new Map<string, VirtualFile>([
    ['tiny_decoder/model.onnx', { make: graph }],
    ['tiny_decoder/config.json', { open: () => openSource(tiny, config) }],
  ]);
  const hides = /^(tiny_decoder|taesd|tiny_vae)\//;
  return layeredStorage(model, files, (path) => !hides.test(path));
}

/** @returns the path of its `config.json` */
async function tinyConfig(tiny: Storage): Promise<string> {
  const places = GRAPHS.map((path) => path.replace('model.onnx', 'config.json'));
  for (const path of places) {
    if (!(await tiny.stat(path))) continue;
    const config = await readJson(tiny, path, configSchema);
    if (isTiny(config)) return path;
    throw refused(tiny, config._class_name ?? 'a configuration without _class_name');
  }
  throw refused(tiny, 'no config.json');
}

function refused(tiny: Storage, got: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the folder holds no tiny decoder', {
    where: tiny.locate?.('config.json')?.replace(/.config\.json$/, '') ?? 'tinyDecoder',
    expected: 'config.json of an AutoencoderTiny, with its safetensors or model.onnx',
    got,
    hint: 'Such as madebyollin/taesd for Stable Diffusion 1 and 2, madebyollin/taesdxl for SDXL',
  });
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
