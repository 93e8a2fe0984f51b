import { encodeModel, type OnnxModel, readModelFrom } from '@cachequant/onnx';
import { type ByteSource, CacheQuantError, openSource, type Storage } from '@cachequant/tensor';
import { builtGraphsOf, markBuiltGraphs } from '../built-graphs.js';
import { layeredStorage, type VirtualFile } from '../layered-storage.js';
import { CONTROL_EMBEDDING_FOLDER, CONTROL_FOLDER } from './control-folders.js';
import { joinControlNet, takesResiduals } from './join-control-net.js';
import { splitControlNet } from './split-control-net.js';

/** Ends the name under which a graph's own file is there for the weights inside of it. */
const STORED = '.weights';

/**
 * Shows a model with a ControlNet as a model whose denoiser has it inside: in place of the denoiser's graph that of both,
 * and beside it the graph of the layers that see the control image alone. Weights stay in their files.
 * @param denoiser path of the graph
 * @param control path of the ControlNet's graph
 * @throws CacheQuantError `unsupported` for graphs that do not fit each other
 */
export async function joinedStorage(storage: Storage, denoiser: string, control: string): Promise<Storage> {
  const files = new Map<string, VirtualFile>();
  const [unet, net] = [await openGraph(storage, denoiser), await openGraph(storage, control)];
  requireResiduals(unet.model, storage.locate?.(denoiser) ?? denoiser);
  const where = storage.locate?.(control) ?? control;
  const { embedding, residuals } = splitControlNet(net.model, where);
  // Weights keep their places; those of the ControlNet are shown beside both graphs that read them.
  unet.keepOwnWeights(unet.model, '');
  net.keepOwnWeights(residuals, `${CONTROL_FOLDER}/`);
  net.keepOwnWeights(embedding, '');
  const joined = joinControlNet(residuals, unet.model, where);
  const path = `${CONTROL_EMBEDDING_FOLDER}/model.onnx`;
  const inUnet = folderOf(denoiser);
  for (const location of locationsOf(joined)) {
    const own = location.startsWith(`${CONTROL_FOLDER}/`);
    const target = own ? net.fileOf(location.slice(CONTROL_FOLDER.length + 1)) : unet.fileOf(location);
    if (target !== `${inUnet}${location}`) files.set(`${inUnet}${location}`, { target, unlisted: true });
  }
  for (const location of locationsOf(embedding)) {
    files.set(`${CONTROL_EMBEDDING_FOLDER}/${location}`, { target: net.fileOf(location), unlisted: true });
  }
  files.set(denoiser, { make: async () => encodeModel(joined) });
  files.set(path, { make: async () => encodeModel(embedding) });
  const config = `${folderOf(control)}config.json`;
  if ((await storage.stat(config)) !== undefined) {
    files.set(`${CONTROL_EMBEDDING_FOLDER}/config.json`, { target: config });
  }
  const shown = layeredStorage(storage, files);
  const built = new Map(builtGraphsOf(storage));
  const [ofUnet, ofControl] = [built.get(denoiser), built.get(control)];
  if (ofUnet && ofControl) built.set(denoiser, [...new Set([...ofUnet, ...ofControl])]);
  else built.delete(denoiser);
  // Its weights lie among others in any case, and are written alone into bundles.
  built.set(path, ofControl ?? [control, ...locationsOf(embedding).map((location) => net.fileOf(location))]);
  markBuiltGraphs(shown, built);
  return shown;
}

/** A graph with what is needed to show its weights from elsewhere. */
interface OpenedGraph {
  readonly model: OnnxModel;
  /** Gives weights inside of the graph's file a location, and all weights the folder before theirs. */
  keepOwnWeights(model: OnnxModel, folder: string): void;
  /** The file of the storage for a location, without that folder. */
  fileOf(location: string): string;
}

async function openGraph(storage: Storage, path: string): Promise<OpenedGraph> {
  const source: ByteSource = await openSource(storage, path);
  const model = await readModelFrom(source);
  const stored = `${path.slice(folderOf(path).length)}${STORED}`;
  return {
    model,
    keepOwnWeights({ graph }, folder) {
      for (const weight of graph.initializers.values()) {
        const { data } = weight;
        if (data.kind === 'bytes') continue;
        const location = data.kind === 'range' ? stored : data.location;
        const { offset, length } = data;
        weight.data = { kind: 'external', location: `${folder}${location}`, offset, length };
      }
    },
    fileOf: (location) => (location === stored ? path : `${folderOf(path)}${location}`),
  };
}

function requireResiduals(model: OnnxModel, where: string): void {
  if (takesResiduals(model)) return;
  throw new CacheQuantError('unsupported', 'the denoiser takes no residuals of a ControlNet', {
    where,
    expected: 'inputs down_block_additional_residual.0 and on, and mid_block_additional_residual',
    got: model.graph.inputs.map(({ name }) => name).join(', '),
    hint: 'Export the U-Net with these inputs, or give the model as safetensors',
  });
}

function locationsOf({ graph }: OnnxModel): string[] {
  const found = [...graph.initializers.values()].flatMap(({ data }) =>
    data.kind === 'external' ? data.location : [],
  );
  return [...new Set(found)];
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}
