import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readJson, root } from '../workspace/paths.mjs';
import { EXPORTS_FILE, exportedNames } from './public-exports.mjs';

test('exportedNames(this repository) is what exports.json lists; after a change on purpose, `npm run exports`', () => {
  expect(exportedNames(root)).toEqual(readJson(EXPORTS_FILE));
});

test('exportedNames(repository) lists each entry point of a published package, types and re-exports included, and refuses `export *`', () => {
  const repository = mkdtempSync(path.join(tmpdir(), 'cachequant-exports-'));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(repository, file)), { recursive: true });
    writeFileSync(path.join(repository, file), text);
  };
  const exports = {
    '.': { '@cachequant/source': './src/index.ts' },
    './worker': { '@cachequant/source': './src/worker.ts' },
    './package.json': './package.json',
  };
  write('packages/one/package.json', JSON.stringify({ name: 'one', type: 'module', exports }));
  const index =
    "export { area, type Shape } from './parts.js';\nexport { inner as outer } from './inner.js';";
  write('packages/one/src/index.ts', `${index}\nexport const own = 1;`);
  write(
    'packages/one/src/parts.ts',
    'export interface Shape {}\nexport const area = 1;\nconst hidden = 2;\nvoid hidden;',
  );
  write('packages/one/src/inner.ts', 'export function inner() {}\nexport function unseen() {}');
  write('packages/one/src/worker.ts', 'postMessage(1);');
  write('packages/two/package.json', JSON.stringify({ name: 'two', private: true, type: 'module', exports }));
  expect(exportedNames(repository)).toEqual({ one: ['Shape', 'area', 'outer', 'own'], 'one/worker': [] });
  write('packages/one/src/index.ts', "export * from './parts.js';");
  expect(() => exportedNames(repository)).toThrow('has `export *`; an entry point names what it exports');
  rmSync(repository, { recursive: true });
});
