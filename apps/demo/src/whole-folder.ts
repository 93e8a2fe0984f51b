import type { compareSizes } from 'cachequant';
import type { Contender } from './contenders.js';

type Sizes = Pick<Awaited<ReturnType<typeof compareSizes>>, 'sourceDenoiser' | 'sourceTotal' | 'bundleTotal'>;

/** Bytes of the folder that a way to run the model is shipped as: the bundle's own, or the original's other parts. */
export function wholeFolderBytes(
  { id, denoiserBytes }: Pick<Contender, 'id' | 'denoiserBytes'>,
  { sourceDenoiser, sourceTotal, bundleTotal }: Sizes,
): number {
  return id === 'cachequant' ? bundleTotal : denoiserBytes + sourceTotal - sourceDenoiser;
}
