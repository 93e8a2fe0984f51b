import type { Storage } from '@cachequant/tensor';
import type { ReportSizes } from './report-data-of.js';

/** Bytes of all files under a prefix. */
async function bytesUnder(storage: Storage, prefix?: string): Promise<number> {
  const sizes = await sizesUnder(storage, prefix);
  return sizes.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Sizes of a model folder and of its bundle. */
export async function compareSizes(
  source: Storage,
  denoiserModel: string,
  bundle: Storage,
): Promise<ReportSizes> {
  const at = denoiserModel.lastIndexOf('/');
  return {
    sourceDenoiser: await bytesUnder(source, at < 0 ? undefined : denoiserModel.slice(0, at)),
    sourceTotal: await bytesUnder(source),
    denoiserItems: (await sizesUnder(bundle, 'denoiser')).map(({ path, bytes }) => ({
      name: path.slice('denoiser/'.length),
      bytes,
    })),
    bundleTotal: await bytesUnder(bundle),
  };
}

async function sizesUnder(storage: Storage, prefix?: string): Promise<{ path: string; bytes: number }[]> {
  const paths = await storage.list(prefix);
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await storage.stat(path))?.size ?? 0 })));
}
