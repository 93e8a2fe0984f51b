import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CalibrationFeeds } from '@cachequant/optimizer';
import type { InputOrigin } from '@cachequant/pipeline';
import { readNpy } from '@cachequant/pipeline/internals';
import { CacheQuantError } from '@cachequant/tensor';
import { readNpz } from './npz.js';

/** A folder of archives, each with what one calibration image is conditioned on. */
export interface CalibrationArchives {
  /** Of all their arrays. */
  readonly fingerprint: string;
  /** In the order of their names: arrays by the graph's inputs, as `numpy.save` writes them. */
  readonly files: readonly { readonly path: string; readonly arrays: ReadonlyMap<string, Uint8Array> }[];
}

/**
 * Reads a folder of `.npz` files.
 * @throws CacheQuantError `storage` for a folder that is not there or holds none, `invalid-argument` for a file that is none
 * or has other arrays than the first
 */
export async function readCalibrationArchives(folder: string): Promise<CalibrationArchives> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new CacheQuantError('storage', 'there is no such folder', {
      where: '--calibration',
      got: folder,
      cause,
    });
  });
  const archives = names.filter((name) => name.toLowerCase().endsWith('.npz')).sort();
  if (archives.length === 0) {
    throw new CacheQuantError('storage', 'the folder holds nothing to calibrate with', {
      where: '--calibration',
      expected: 'files that numpy.savez wrote, one for each image',
      got: folder,
    });
  }
  const hash = createHash('sha256');
  const files: CalibrationArchives['files'][number][] = [];
  for (const name of archives) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    hash.update(bytes);
    files.push({ path, arrays: readNpz(bytes, path) });
  }
  for (const file of files) requireSameNames(files[0]!, file);
  return { fingerprint: hash.digest('hex'), files };
}

function requireSameNames(
  first: CalibrationArchives['files'][number],
  { path, arrays }: CalibrationArchives['files'][number],
): void {
  const listed = (names: Iterable<string>) => [...names].sort().join(', ') || 'none';
  if (listed(arrays.keys()) === listed(first.arrays.keys())) return;
  throw new CacheQuantError('invalid-argument', 'the files hold different arrays', {
    where: path,
    expected: `${listed(first.arrays.keys())}, as in ${first.path}`,
    got: listed(arrays.keys()),
  });
}

/** What inputs of a lone graph take in pictures that say nothing else: what the first file has for them. */
export function firstArrays({ files }: CalibrationArchives): Record<string, InputOrigin> {
  return Object.fromEntries([...files[0]!.arrays].map(([name, npy]) => [name, { from: 'array', npy }]));
}

/** The archives for `optimize`. */
export function calibrationFeeds({ fingerprint, files }: CalibrationArchives): CalibrationFeeds {
  return {
    fingerprint,
    images: files.map(({ path, arrays }) => ({
      name: path,
      feeds: Object.fromEntries([...arrays].map(([name, npy]) => [name, readNpy(npy, `${path}, ${name}`)])),
    })),
  };
}
