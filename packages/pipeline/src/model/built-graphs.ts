import type { Storage } from '@cachequant/tensor';

const built = new WeakMap<Storage, ReadonlyMap<string, readonly string[]>>();

/** Remembers which graphs of a storage are built of a checkpoint, and what the weights of each depend on. */
export function markBuiltGraphs(storage: Storage, graphs: ReadonlyMap<string, readonly string[]>): void {
  built.set(storage, graphs);
}

/** Lets a storage that shows all files of another be known to have the same built graphs. */
export function keepBuiltGraphs(of: Storage, shown: Storage): Storage {
  const graphs = built.get(of);
  if (graphs) built.set(shown, graphs);
  return shown;
}

/** What is remembered of a storage; empty for one without built graphs. */
export function builtGraphsOf(storage: Storage): ReadonlyMap<string, readonly string[]> {
  return built.get(storage) ?? new Map();
}

/** Whether a graph of a storage is built of a checkpoint, so that its weights lie in files that hold others too. */
export function isBuiltGraph(storage: Storage, path: string): boolean {
  return built.get(storage)?.has(path) ?? false;
}

/**
 * What the weights of a built graph depend on: files of the checkpoint, and what describes its adapters. A file that
 * several graphs have is of the first one. Undefined for graphs that are not built.
 */
export function builtGraphSources(storage: Storage, path: string): readonly string[] | undefined {
  return built.get(storage)?.get(path);
}
