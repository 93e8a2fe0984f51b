import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undocumentedExports } from './doc-comments.mjs';

let repository: string;

beforeEach(() => {
  repository = mkdtempSync(path.join(tmpdir(), 'cachequant-docs-'));
  const folder = path.join(repository, 'packages/one/src');
  mkdirSync(folder, { recursive: true });
  const exports = { '.': { '@cachequant/source': './src/index.ts' } };
  const manifest = { name: 'one', type: 'module', exports };
  writeFileSync(path.join(repository, 'packages/one/package.json'), JSON.stringify(manifest));
});

afterEach(() => {
  rmSync(repository, { recursive: true });
});

function source(file: string, text: string) {
  writeFileSync(path.join(repository, 'packages/one/src', file), text);
}

describe('undocumentedExports', () => {
  test('undocumentedExports follows re-exports and names the file and the export', () => {
    source('index.ts', "export { bare, naked, type Shape, told, thrown } from './parts.js';");
    source(
      'parts.ts',
      [
        'export function bare(): void {}',
        'export const naked = 1;',
        'export interface Shape { sides: number }',
        '/** Says so. */',
        'export function told(): void {}',
        '/** @throws where it must */',
        'export function thrown(): void {}',
        'export const inner = 1;',
      ].join('\n'),
    );
    expect(undocumentedExports(repository)).toEqual([
      'packages/one/src/parts.ts: bare has no doc-comment',
      'packages/one/src/parts.ts: naked has no doc-comment',
      'packages/one/src/parts.ts: Shape has no doc-comment',
    ]);
  });

  test('undocumentedExports is empty where everything public is documented', () => {
    source('index.ts', '/** One. */ export const one = 1;');
    expect(undocumentedExports(repository)).toEqual([]);
  });
});
