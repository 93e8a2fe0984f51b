import type { LoadOptions, Runtime, Session, Storage } from '@cachequant/tensor';
import { layerLocator } from '../model/lazy-locator.js';
import { loadGraph } from '../model/load-graph.js';
import { type CachedDenoiserOptions, cachedDenoiser, DEFAULT_CACHE_NAMES } from './cached-denoiser.js';
import type { Denoiser } from './denoiser.js';

/** Graphs of a storage that pass features between them, and when each of them runs. */
export interface CachedDenoiserFiles
  extends Pick<
    CachedDenoiserOptions,
    | 'refreshCalls'
    | 'conditionalRefreshes'
    | 'calibratedTimesteps'
    | 'anchors'
    | 'guidance'
    | 'guidanceExtrapolation'
    | 'smoothing'
  > {
  readonly full: string;
  readonly cached: string;
}

/** Loads both graphs, features kept where they are computed; what was loaded before a failure is freed. */
export async function loadCachedDenoiser(
  runtime: Runtime,
  storage: Storage,
  files: CachedDenoiserFiles,
  options: Pick<LoadOptions, 'signal'> = {},
): Promise<Denoiser> {
  const loaded: Session[] = [];
  try {
    const keepOnDevice = [DEFAULT_CACHE_NAMES.features];
    const full = await loadGraph(runtime, storage, files.full, { ...options, keepOnDevice });
    loaded.push(full);
    const cached = await loadGraph(runtime, storage, files.cached, options);
    loaded.push(cached);
    const locate = {
      full: layerLocator(runtime, storage, files.full),
      cached: layerLocator(runtime, storage, files.cached),
    };
    return cachedDenoiser({ ...files, full, cached, runtime, locate });
  } catch (error) {
    await Promise.all(loaded.map((session) => session.dispose()));
    throw error;
  }
}
