import { giveNormStatistics } from '@cachequant/onnx';
import type { LoadOptions, Runtime, Session, Storage } from '@cachequant/tensor';
import { loadGraph } from './load-graph.js';

/** Loads a decoder whose norms take their statistics from an input; undefined where it has none. */
export async function loadTileGraph(
  runtime: Runtime,
  storage: Storage,
  path: string,
  options: LoadOptions = {},
): Promise<Session | undefined> {
  let isChanged = true;
  const change = (model: Parameters<typeof giveNormStatistics>[0]) => {
    const changed = giveNormStatistics(model);
    isChanged = changed !== undefined;
    return changed ?? model;
  };
  const session = await loadGraph(runtime, storage, path, { ...options, change });
  if (isChanged) return session;
  await session.dispose();
  return undefined;
}
