// @ts-check
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { members } from '../workspace/members.mjs';
import { inRoot } from '../workspace/paths.mjs';

/**
 * Runs an example as somebody would who installed the packages, and who has the repository's models. The packages have
 * to be built.
 *
 * @param {string} code
 * @returns {Promise<string>} what it prints
 */
export async function runExample(code) {
  const place = mkdtempSync(path.join(os.tmpdir(), 'cachequant-readme-'));
  try {
    const packages = members().filter(({ manifest }) => !manifest.private);
    for (const { manifest, path: folder } of packages) link(place, manifest.name, folder);
    // npm puts what packages depend on beside them.
    for (const { manifest, path: folder } of packages) {
      for (const name of Object.keys(manifest.dependencies ?? {})) {
        link(place, name, path.join(folder, 'node_modules', name));
      }
    }
    symlinkSync(inRoot('models'), path.join(place, 'models'), 'junction');
    writeFileSync(path.join(place, 'example.mjs'), code);
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['example.mjs'], { cwd: place, env: plainEnvironment() });
    return stdout.trimEnd();
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/**
 * @param {string} place
 * @param {string} name of a package
 * @param {string} target where it is
 */
function link(place, name, target) {
  const at = path.join(place, 'node_modules', name);
  mkdirSync(path.dirname(at), { recursive: true });
  if (!existsSync(at)) symlinkSync(target, at, 'junction');
}

/** Without what would change how Node prints or resolves. */
function plainEnvironment() {
  const { NODE_OPTIONS, FORCE_COLOR, NODE_V8_COVERAGE, ...env } = process.env;
  return { ...env, NO_COLOR: '1' };
}
