import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The licence that a model's card gives in the lines between `---` at its top, such as `openrail++`. */
export async function licenseOfCard(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const top = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? '';
  return /^license:[ \t]*["']?([^"'\r\n]+?)["']?[ \t]*$/m.exec(top)?.[1];
}
