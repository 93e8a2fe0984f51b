import { CacheQuantError, type Storage } from '@cachequant/tensor';
import { keepBuiltGraphs } from './built-graphs.js';
import { CONTROL_FOLDER } from './control/control-folders.js';
import { mountedStorage } from './mounted-storage.js';

/**
 * Shows a model with the ControlNet of another folder, in `controlnet/`, in place of one that it may have. Whether they fit
 * each other is looked at when the model is opened.
 * @param model as diffusers saves it, or exported with a U-Net that takes residuals
 * @param control a ControlNetModel as diffusers saves it (`config.json` and safetensors), or exported to `model.onnx`
 * @throws CacheQuantError `storage` for a folder that holds something else
 */
export async function withControlNet(model: Storage, control: Storage): Promise<Storage> {
  await requireControlNet(control);
  const inside = (path: string) =>
    path.startsWith(`${CONTROL_FOLDER}/`) ? path.slice(CONTROL_FOLDER.length + 1) : undefined;
  const named = (paths: readonly string[]) => paths.map((path) => `${CONTROL_FOLDER}/${path}`);
  const shown: Storage = {
    ...mountedStorage(model, new Map([[CONTROL_FOLDER, control]])),
    async list(prefix = '') {
      const wanted = prefix.replace(/\/$/, '');
      const below = inside(`${wanted}/`)?.replace(/\/$/, '');
      if (below !== undefined) return named(await control.list(below));
      const own = (await model.list(prefix)).filter((path) => inside(path) === undefined);
      return wanted === '' ? [...own, ...named(await control.list())].sort() : own;
    },
  };
  return keepBuiltGraphs(model, shown);
}

async function requireControlNet(control: Storage): Promise<void> {
  const files = await control.list();
  const hasWeights = files.some((path) => path.endsWith('.safetensors') && !path.includes('/'));
  if (files.includes('model.onnx') || (files.includes('config.json') && hasWeights)) return;
  throw new CacheQuantError('storage', 'the folder holds no ControlNet', {
    where: control.locate?.('config.json')?.replace(/.config\.json$/, '') ?? 'controlNet',
    expected: 'config.json and safetensors, as diffusers saves a ControlNetModel, or model.onnx',
    got: files.slice(0, 4).join(', ') || 'nothing',
  });
}
