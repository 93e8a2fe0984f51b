import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const document = fileURLToPath(new URL('../../../../docs/onnxruntime-assumptions.md', import.meta.url));

const headings = [...readFileSync(document, 'utf8').matchAll(/^### (.+)$/gm)].map(([, title]) => title);
const titles = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
  .flatMap((source) => [...source.matchAll(/^assumption\(\s*(['"])(.+?)\1,/gm)].map(([, , title]) => title));

test('every assumption of docs/onnxruntime-assumptions.md has its test, and the other way round', () => {
  expect([...titles].sort()).toEqual([...headings].sort());
  expect(new Set(titles).size).toBe(titles.length);
});
