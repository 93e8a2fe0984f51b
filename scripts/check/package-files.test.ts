import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inRoot, readJson, root } from '../workspace/paths.mjs';
import { packageFileProblems } from './package-files.mjs';

let repository: string;

beforeEach(() => {
  repository = mkdtempSync(path.join(tmpdir(), 'cachequant-files-'));
  mkdirSync(path.join(repository, 'packages/tensor'), { recursive: true });
  writeFileSync(path.join(repository, 'package.json'), readFileSync(inRoot('package.json')));
});

afterEach(() => {
  rmSync(repository, { recursive: true });
});

function addPackage(changes: Record<string, unknown>, readme: string) {
  const manifest = { ...readJson(inRoot('packages/tensor/package.json')), version: '0.0.0', ...changes };
  writeFileSync(path.join(repository, 'packages/tensor/package.json'), JSON.stringify(manifest));
  writeFileSync(path.join(repository, 'packages/tensor/README.md'), readme);
}

describe('packageFileProblems', () => {
  test('packageFileProblems(this repository) is empty', () => {
    expect(packageFileProblems(root)).toEqual([]);
  });

  test('packageFileProblems reports a manifest without what npm shows, or with engines of its own', () => {
    const nothing = { keywords: undefined, author: undefined, bugs: undefined, homepage: undefined };
    addPackage({ ...nothing, engines: { node: '>=18' } }, '# @cachequant/tensor\n');
    expect(packageFileProblems(repository)).toEqual([
      'packages/tensor/package.json: keywords are missing',
      'packages/tensor/package.json: author is missing',
      'packages/tensor/package.json: bugs is missing',
      'packages/tensor/package.json: homepage must be the README of the package',
      'packages/tensor/package.json: engines.node must be ^20.19.0 || >=22.12.0, as in the repository',
    ]);
  });

  test.each(['npm install @cachequant/tensor onnxruntime-node', 'npm install --global cachequant'])(
    'packageFileProblems reports a README with `%s` that does not name the variable',
    (command) => {
      addPackage({}, `# @cachequant/tensor\n\n${command}\n`);
      expect(packageFileProblems(repository).join()).toContain('`ONNXRUNTIME_NODE_INSTALL=skip`');
      addPackage({}, `# @cachequant/tensor\n\n${command}\n\nSet \`ONNXRUNTIME_NODE_INSTALL=skip\`.\n`);
      expect(packageFileProblems(repository)).toEqual([]);
    },
  );
});

describe('the version of Node', () => {
  test.each([
    ['18.20.0', false],
    ['20.18.3', false],
    ['20.19.0', true],
    ['21.7.0', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['23.0.0', true],
    ['26.1.0', true],
  ])('npm scripts on Node %s start: %s', (version, starts) => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`;
    const script = `${pretend}\nimport(${JSON.stringify(inRoot('scripts/workspace.mjs'))});`;
    let output = '';
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' });
    } catch (error) {
      output = String((error as { stderr: Buffer }).stderr);
    }
    // Without a task, a version that is supported gets as far as the list of tasks.
    expect(output).toContain(
      starts ? 'Unknown task' : `needs Node 20.19, 22.12, or newer; this is Node ${version}`,
    );
  });
});
