import { CacheQuantError } from '@cachequant/tensor';

/**
 * A file's path as a model in a folder names it.
 * @param folder '' for the root of the storage
 * @throws CacheQuantError `invalid-argument` for a file outside the folder, which no runtime would open
 */
export function locationWithin(folder: string, path: string): string {
  const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
  if (path.startsWith(prefix)) return path.slice(prefix.length);
  throw new CacheQuantError('invalid-argument', "the weights lie outside the graph's folder", {
    where: path,
    expected: `a file in '${prefix}'`,
    hint: "Put the graph in a folder above the weights, or build with the placement 'float32'",
  });
}
