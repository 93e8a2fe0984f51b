import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { applyCut, findCuts, freezeShapes, openSource, readModelFrom, writeModel } from '@cachequant/onnx';
import { nodeStorage } from '@cachequant/runtime-node';

/** Files of a full and a cached float graph. */
export interface CutGraphs {
  readonly full: string;
  readonly cached: string;
}

export interface CutRequest {
  /** Folder of the float denoiser: model.onnx and its weights. */
  readonly denoiser: string;
  readonly out: string;
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  /** Identifier of the cut, as in the bundle's manifest. */
  readonly cut: string;
}

/**
 * Cuts the float model where the bundle is cut, for runtimes that bring optimizations of their own: all sizes are
 * fixed, nothing is fused, all operators are standard ones. The weights are copied, since runtimes refuse external
 * data outside of a graph's folder, and some of them hard links too.
 */
export async function writeCutGraphs({ denoiser, out, inputDims, cut: id }: CutRequest): Promise<CutGraphs> {
  const model = await readModelFrom(await openSource(nodeStorage(denoiser), 'model.onnx'));
  const cut = findCuts(model, { inputDims }).find((candidate) => candidate.id === id);
  if (!cut) throw new Error(`The float model has no cut ${id}, with which the bundle was made.`);
  const { full, cached, cacheName } = applyCut(model, cut);
  await mkdir(out, { recursive: true });
  const weights = path.join(out, 'weights.bin');
  if (!existsSync(weights)) {
    await copyFile(path.join(denoiser, 'weights.bin'), weights, constants.COPYFILE_FICLONE);
  }
  const cachedDims = { ...inputDims, [cacheName]: cut.cacheDims as readonly number[] };
  await writeModel(nodeStorage(out), 'full.onnx', freezeShapes(full, inputDims));
  await writeModel(nodeStorage(out), 'cached.onnx', freezeShapes(cached, cachedDims));
  return { full: path.join(out, 'full.onnx'), cached: path.join(out, 'cached.onnx') };
}
