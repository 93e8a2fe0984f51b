import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findServer, missingServer } from '../redis.js';
import { CLI } from './processes.js';
import { drawReference, SCENARIOS } from './scenarios.js';
import { tinyModel } from './tiny-model.js';

// A small form of `npm run chaos`, with processes as they were built.
test('SIGKILL of a worker and of the queue’s server in the middle: nothing is lost, nothing comes twice', {
  timeout: 300_000,
  tags: 'full',
}, async (context) => {
  for (const missing of [
    existsSync(CLI) ? undefined : 'the command line was not built: npm run build',
    findServer() === undefined ? missingServer : undefined,
  ]) {
    if (missing === undefined) continue;
    if (process.env.CI) throw new Error(missing);
    context.skip(missing);
  }
  const jobs = { model: tinyModel(), steps: 4, count: 24, times: 1, prompt: undefined };
  const reference = await drawReference(jobs);
  try {
    for (const { name, run } of SCENARIOS.slice(0, 2)) {
      const { lost, recordedTwice, drawnTwice, otherwise } = await run(jobs, reference);
      expect([name, lost, recordedTwice, drawnTwice, otherwise]).toEqual([name, 0, 0, 0, 0]);
    }
  } finally {
    await reference.leave();
  }
});
