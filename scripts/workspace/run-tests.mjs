// @ts-check
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { foreground } from './foreground.mjs';
import { inRoot, root, toolPath } from './paths.mjs';

/**
 * Runs the tests of all packages once; the last line of the output is `N passed, N failed`.
 *
 * @param {readonly string[]} args handed on to vitest
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
export async function runTests(args, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'cachequant-tests-'));
  const summaryFile = path.join(folder, 'summary.json');
  try {
    const ownReporter = args.some((arg) => arg.startsWith('--reporter')) ? [] : ['--reporter=default'];
    const reporters = [...ownReporter, `--reporter=${inRoot('scripts/workspace/summary-reporter.mjs')}`];
    const exitCode = await foreground([toolPath('vitest'), 'run', ...reporters, ...args], {
      cwd: root,
      env: { ...env, CACHEQUANT_TEST_SUMMARY: summaryFile },
    });
    return printSummary(summaryFile, exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} summaryFile
 * @param {number} exitCode vitest's
 */
function printSummary(summaryFile, exitCode) {
  const { passed, failed, skipped } = readSummary(summaryFile);
  for (const line of skipped) console.log(`SKIPPED: ${line}`);
  // A vitest that ended early, or failed for another reason than a test, must not look like a success.
  const counted = exitCode !== 0 && failed === 0 ? 1 : failed;
  console.log(`${passed} passed, ${counted} failed`);
  return counted > 0 && exitCode === 0 ? 1 : exitCode;
}

/**
 * @param {string} file
 * @returns {import('./summary-reporter.mjs').Summary}
 */
function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}
