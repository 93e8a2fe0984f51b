// @ts-check
import { writeFileSync } from 'node:fs';

/**
 * @typedef {object} Summary
 * @property {number} passed tests
 * @property {number} failed tests, files that could not be loaded, and errors outside of any test
 * @property {string[]} skipped a line for each reason
 */

/** Writes the counts of a vitest run to the file that CACHEQUANT_TEST_SUMMARY names. */
export default class SummaryReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.CACHEQUANT_TEST_SUMMARY;
    if (file) writeFileSync(file, JSON.stringify(summarize(modules, unhandledErrors)));
  }
}

/**
 * @param {readonly import('vitest/node').TestModule[]} modules
 * @param {readonly unknown[]} unhandledErrors
 * @returns {Summary}
 */
function summarize(modules, unhandledErrors) {
  let passed = 0;
  let failed = unhandledErrors.length;
  /** @type {Map<string, string[]>} */
  const skipped = new Map();
  for (const module of modules) {
    if (module.errors().length > 0) failed += 1;
    for (const suite of module.children.allSuites()) failed += suite.errors().length > 0 ? 1 : 0;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') passed += 1;
      else if (result.state === 'failed') failed += 1;
      else addSkipped(skipped, test);
    }
  }
  return { passed, failed, skipped: [...skipped].map(([reason, tests]) => skippedLine(reason, tests)) };
}

/**
 * @param {Map<string, string[]>} skipped test names by reason
 * @param {import('vitest/node').TestCase} test
 */
function addSkipped(skipped, test) {
  const reason = reasonOf(test);
  const tests = skipped.get(reason) ?? [];
  tests.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  skipped.set(reason, tests);
}

/**
 * @param {import('vitest/node').TestCase} test
 * @returns {string}
 */
function reasonOf(test) {
  const result = test.result();
  if ('note' in result && result.note) return result.note;
  return test.tags.includes('full') ? 'left to `npm run test:full`' : 'no reason given';
}

/**
 * @param {string} reason
 * @param {readonly string[]} tests
 */
const skippedLine = (reason, tests) =>
  `${reason} (${tests[0]}${tests.length > 1 ? ` and ${tests.length - 1} more` : ''})`;
