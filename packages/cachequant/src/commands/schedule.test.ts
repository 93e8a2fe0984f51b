import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stoppedAfter } from '@cachequant/tensor/testing';
import { describe, expect, test } from 'vitest';
import { cachequant, inRepository, temporaryFolder } from '../__fixtures__/command-line.js';

interface GoldenCase {
  readonly N: number;
  readonly features: readonly (readonly number[])[];
  readonly schedule: readonly number[];
  readonly cost: number;
}

const golden = JSON.parse(readFileSync(inRepository('fixtures/golden/dps.json'), 'utf8')) as {
  readonly cases: readonly GoldenCase[];
};

function featureFile(content: unknown): string {
  const path = join(temporaryFolder(), 'features.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('schedule', () => {
  test('--json gives the cost of the reference implementation, with a schedule that has it', async () => {
    for (const { features, N, cost, schedule } of golden.cases.slice(0, 6)) {
      const file = featureFile({ features });
      const { exitCode, stdout } = await cachequant(['schedule', file, '--interval', String(N), '--json']);
      const planned = JSON.parse(stdout) as {
        refreshCalls: number[];
        cost: number;
        uniform: { cost: number };
      };
      expect(exitCode).toBe(0);
      expect(planned.cost).toBe(cost);
      expect(planned.refreshCalls).toHaveLength(schedule.length);
      expect(summedDistance(features, planned.refreshCalls)).toBe(cost);
    }
  });

  test('prints the refreshes, both costs and a timeline with one mark a refresh', async () => {
    // Everything happens between call 5 and call 6.
    const features = Array.from({ length: 10 }, (_, call) => [call < 6 ? 0 : 1]);
    const { stdout } = await cachequant(['schedule', featureFile({ features }), '--refreshes', '2']);
    expect(stdout).toContain('2 refreshes in 10 calls, 100 % less error');
    expect(stdout).toMatch(/planned\s+0\s+0 6\n/);
    expect(stdout).toMatch(/uniform\s+4\.0000\s+0 5\n/);
    expect(stdout).toContain('█·····█···');
  });

  test('stops inside a long plan, with the exit code of an interruption', async () => {
    const features = Array.from({ length: 600 }, (_, call) => [call % 7]);
    const signal = stoppedAfter(8);
    const argv = ['schedule', featureFile({ features }), '--refreshes', '300'];
    const { exitCode, stdout, stderr } = await cachequant(argv, { signal });
    expect([exitCode, stdout, stderr]).toEqual([130, '', 'stopped\n']);
    expect(signal.asked).toBe(9);
  });

  test('an infeasible number of refreshes says which are feasible', async () => {
    const file = featureFile({ features: Array.from({ length: 20 }, (_, call) => [call]) });
    const { exitCode, stderr } = await cachequant(['schedule', file, '--interval', '5', '--refreshes', '19']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('2 to 6 refreshes are feasible');
  });

  test.each([
    ['no JSON', 'features', 'the file is not JSON'],
    ['another form', { rows: [] }, 'features.json, features'],
    ['no rows', { features: [] }, 'features.json, features'],
    ['empty rows', { features: [[], []] }, 'the rows are empty'],
    ['a row that is shorter', { features: [[1, 2], [3]] }, 'features[1]'],
    ['a value that is no number', { features: [[1], ['2']] }, 'features.1.0'],
  ])('a file with %s fails and says so', async (_, content, message) => {
    const { exitCode, stderr, stdout } = await cachequant([
      'schedule',
      featureFile(content),
      '--interval',
      '2',
    ]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(message);
  });
});

function summedDistance(features: GoldenCase['features'], refreshCalls: readonly number[]): number {
  return features.reduce((sum, row, call) => {
    const anchor = features[refreshCalls.findLast((step) => step <= call)!]!;
    return sum + row.reduce((total, value, at) => total + Math.abs(value - anchor[at]!), 0);
  }, 0);
}
