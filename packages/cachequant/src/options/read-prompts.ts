import { CacheQuantError } from '@cachequant/tensor';
import { readTextFile } from './read-file.js';

/**
 * Prompts of a text file, one a line; empty lines are left out.
 * @throws CacheQuantError `storage` when the file cannot be read, `invalid-argument` when it holds none
 */
export async function readPrompts(path: string): Promise<string[]> {
  const lines = (await readTextFile(path))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length > 0) return lines;
  throw new CacheQuantError('invalid-argument', 'the file holds no prompts', {
    where: path,
    expected: 'one prompt a line',
  });
}
