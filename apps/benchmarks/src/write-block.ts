import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Puts lines between `<!-- name -->` and `<!-- end name -->` of a page.
 * @throws Error for a page without the two
 */
export function writeBlock(file: string, name: string, lines: readonly string[]): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no block ${begin} … ${end}`);
  writeFileSync(file, `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n${text.slice(to)}`);
}
