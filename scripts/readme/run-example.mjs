// @ts-check
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
    for (const { manifest, path: folder } of members().filter((member) => !member.manifest.private)) {
      const link = path.join(place, 'node_modules', manifest.name);
      mkdirSync(path.dirname(link), { recursive: true });
      symlinkSync(folder, link, 'junction');
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

/** Without what would change how Node prints or resolves. */
function plainEnvironment() {
  const { NODE_OPTIONS, FORCE_COLOR, NODE_V8_COVERAGE, ...env } = process.env;
  return { ...env, NO_COLOR: '1' };
}
