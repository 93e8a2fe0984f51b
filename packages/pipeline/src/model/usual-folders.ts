import type { Storage } from '@cachequant/tensor';
import { TINY_DECODER_FOLDERS } from './checkpoint-part.js';
import { findGraph } from './find-graph.js';
import { layeredStorage, type VirtualFile } from './layered-storage.js';

/** Folders of latent diffusion's parts and of tiny decoders, and what the same parts are called elsewhere. */
const USUAL: readonly (readonly [folder: string, usual: string])[] = [
  ['vqvae', 'vae_decoder'],
  ['bert', 'text_encoder'],
  ...TINY_DECODER_FOLDERS.map((folder) => [folder, 'tiny_decoder'] as const),
];

/**
 * A model folder with the graphs of its parts where exporters put them for Stable Diffusion: in `vae_decoder/` what lies
 * in `vqvae/`, in `text_encoder/` what lies in `bert/`, and in `tiny_decoder/` what lies in `taesd/` or `tiny_vae/`. A folder that has both keeps them.
 */
export async function withUsualFolders(storage: Storage): Promise<Storage> {
  const files = new Map<string, VirtualFile>();
  const hidden: string[] = [];
  for (const [folder, usual] of USUAL) {
    const own = await storage.list(folder);
    if (own.length === 0 || (await storage.list(usual)).length > 0) continue;
    if ((await findGraph(storage, folder)) === undefined) continue;
    hidden.push(folder);
    for (const path of own) files.set(`${usual}${path.slice(folder.length)}`, { target: path });
  }
  if (hidden.length === 0) return storage;
  return layeredStorage(storage, files, (path) => !hidden.some((folder) => path.startsWith(`${folder}/`)));
}
