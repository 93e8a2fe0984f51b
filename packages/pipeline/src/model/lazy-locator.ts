import type { Runtime, Storage } from '@cachequant/tensor';
import type { LocateLayer } from './non-finite.js';

/** As `layerLocator` of `locate-layer.ts`, whose graph tools a page then fetches only when something went wrong. */
export function layerLocator(runtime: Runtime, storage: Storage, path: string): LocateLayer {
  return async (feeds, options) => {
    const { layerLocator: eager } = await import('./locate-layer.js');
    return eager(runtime, storage, path)(feeds, options);
  };
}
