import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { root } from '../workspace/paths.mjs';
import { findViolations } from './import-direction.mjs';

let repository: string;

beforeEach(() => {
  repository = mkdtempSync(path.join(tmpdir(), 'cachequant-layers-'));
});

afterEach(() => {
  rmSync(repository, { recursive: true });
});

function write(file: string, content: string) {
  const target = path.join(repository, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, content);
}

function addPackage(folder: string, name: string, dependencies: Record<string, string> = {}) {
  write(`${folder}/package.json`, JSON.stringify({ name, dependencies }));
}

describe('findViolations', () => {
  test('findViolations(this repository) is empty', () => {
    expect(findViolations(root)).toEqual([]);
  });

  test('findViolations accepts imports that point downwards and are declared', () => {
    addPackage('packages/tensor', '@cachequant/tensor');
    addPackage('packages/onnx', '@cachequant/onnx', { '@cachequant/tensor': 'workspace:^' });
    write(
      'packages/onnx/src/index.ts',
      "export { a } from './a.js';\nimport type { T } from '@cachequant/tensor';",
    );
    write('packages/onnx/src/a.ts', "import { t } from '@cachequant/tensor/testing';");
    expect(findViolations(repository)).toEqual([]);
  });

  test.each([
    ['a static import', "import { plan } from '@cachequant/scheduler';"],
    ['an import of types', "import type { Plan } from '@cachequant/scheduler';"],
    ['a re-export', "export * from '@cachequant/scheduler';"],
    ['a dynamic import', "const plan = await import('@cachequant/scheduler');"],
    ['an import of a subpath', "import '@cachequant/scheduler/testing';"],
  ])('findViolations reports %s that points upwards', (_kind, code) => {
    addPackage('packages/tensor', '@cachequant/tensor');
    addPackage('packages/scheduler', '@cachequant/scheduler');
    write('packages/tensor/src/deep/bad.ts', code);
    expect(findViolations(repository)).toEqual([
      'packages/tensor/src/deep/bad.ts: uses @cachequant/scheduler, which is not below @cachequant/tensor',
    ]);
  });

  test('findViolations reports a dependency that points upwards, even if nothing imports it', () => {
    addPackage('packages/scheduler', '@cachequant/scheduler', { '@cachequant/pipeline': 'workspace:^' });
    addPackage('packages/pipeline', '@cachequant/pipeline');
    expect(findViolations(repository)).toEqual([
      'packages/scheduler/package.json: uses @cachequant/pipeline, which is not below @cachequant/scheduler',
    ]);
  });

  test('findViolations reports a package that imports an app', () => {
    addPackage('packages/cachequant', 'cachequant', { studio: 'workspace:^' });
    addPackage('apps/studio', 'studio');
    expect(findViolations(repository)).toEqual([
      'packages/cachequant/package.json: uses studio, which is not below cachequant',
    ]);
  });

  test('findViolations reports undeclared packages, of the workspace and from the registry', () => {
    addPackage('packages/tensor', '@cachequant/tensor');
    addPackage('packages/onnx', '@cachequant/onnx');
    write('packages/onnx/src/index.ts', "import '@cachequant/tensor';\nimport { z } from 'zod';");
    expect(findViolations(repository)).toEqual([
      'packages/onnx/src/index.ts: imports @cachequant/tensor, which packages/onnx/package.json does not list',
      'packages/onnx/src/index.ts: imports zod, which packages/onnx/package.json does not list',
    ]);
  });

  test('findViolations reports relative imports that leave the package', () => {
    addPackage('packages/onnx', '@cachequant/onnx');
    write('packages/onnx/src/index.ts', "import '../../tensor/src/tensor.js';");
    expect(findViolations(repository)).toEqual([
      'packages/onnx/src/index.ts: imports ../../tensor/src/tensor.js, outside its package; import the package by name',
    ]);
  });

  test('findViolations reports files that import each other, imports of types included', () => {
    addPackage('packages/onnx', '@cachequant/onnx');
    write('packages/onnx/src/a.ts', "import { b } from './deep/b.js';");
    write('packages/onnx/src/deep/b.ts', "export * from './c.js';");
    write('packages/onnx/src/deep/c.ts', "import type { A } from '../a.js';\nimport './d.js';");
    write('packages/onnx/src/deep/d.ts', 'export const d = 1;');
    expect(findViolations(repository)).toEqual([
      'packages/onnx/src: a.ts, deep/b.ts, deep/c.ts import each other',
    ]);
  });

  test('findViolations reports Node modules and runtimes in packages that run in browsers', () => {
    addPackage('packages/pipeline', '@cachequant/pipeline', { 'onnxruntime-web': '1' });
    write('packages/pipeline/src/index.ts', "import 'node:fs';\nimport path from 'path';");
    expect(findViolations(repository)).toEqual([
      'packages/pipeline/package.json: uses onnxruntime-web; @cachequant/pipeline takes its runtime by injection',
      'packages/pipeline/src/index.ts: imports node:fs; @cachequant/pipeline runs in browsers too',
      'packages/pipeline/src/index.ts: imports path; @cachequant/pipeline runs in browsers too',
    ]);
  });

  test('findViolations lets tests use Node and development dependencies, but nothing undeclared', () => {
    write('package.json', JSON.stringify({ devDependencies: { vitest: '4' } }));
    const development = { devDependencies: { '@cachequant/runtime-node': 'workspace:^' } };
    write(
      'packages/quantizer/package.json',
      JSON.stringify({ name: '@cachequant/quantizer', ...development }),
    );
    addPackage('packages/runtime-node', '@cachequant/runtime-node');
    write(
      'packages/quantizer/src/a.test.ts',
      "import 'node:fs'; import 'vitest'; import '@cachequant/runtime-node'; import 'left-pad';",
    );
    expect(findViolations(repository)).toEqual([
      'packages/quantizer/src/a.test.ts: imports left-pad, which packages/quantizer/package.json does not list',
    ]);
  });

  test('findViolations asks for the place of a new package', () => {
    addPackage('packages/new', '@cachequant/new');
    expect(findViolations(repository)).toEqual([
      'packages/new/package.json: @cachequant/new has no place in scripts/check/layers.mjs; add what it may import',
    ]);
  });
});
