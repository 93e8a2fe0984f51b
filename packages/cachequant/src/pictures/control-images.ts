import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ControlImages } from '@cachequant/optimizer';
import { pixelsOf } from '@cachequant/server/internals';
import { CacheQuantError } from '@cachequant/tensor';
import type { Sharp } from 'sharp';
import { openPicture } from './given-pictures.js';

const PICTURE = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i;

/**
 * Looks into pictures that a ControlNet is to follow while it is calibrated, before any model is run. Those of a folder come
 * in the order of their names.
 * @throws CacheQuantError `storage` for what is not there or no picture
 */
export async function openControlImages(
  given: readonly string[] | undefined,
  cwd: string,
): Promise<ControlImages | undefined> {
  if (given === undefined) return undefined;
  const opened: Sharp[] = [];
  for (const path of (await Promise.all(given.map((each) => filesIn(each, cwd)))).flat()) {
    opened.push((await openPicture(path)).picture);
  }
  return (size) => Promise.all(opened.map((picture) => pixelsOf(picture, size)));
}

async function filesIn(given: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, given);
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => PICTURE.test(name)).sort();
  if (names.length > 0) return names.map((name) => join(path, name));
  throw new CacheQuantError('storage', 'the folder holds no pictures', {
    where: `--control-image ${given}`,
    expected: 'PNG, JPEG, WebP, GIF, TIFF or AVIF files',
  });
}
