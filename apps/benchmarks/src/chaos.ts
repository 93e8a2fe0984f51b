import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Jobs } from './chaos/jobs.js';
import { measureClients, measureMemory } from './chaos/one-process.js';
import { type ChaosResults, chaosSchema, renderChaos } from './chaos/results.js';
import { drawReference, SCENARIOS } from './chaos/scenarios.js';
import { Skipped } from './chaos/skipped.js';
import { tinyModel } from './chaos/tiny-model.js';
import { startLog } from './command.js';
import { RESULTS, ROOT } from './paths.js';
import { findServer, missingServer } from './redis.js';
import { writeBlock } from './write-block.js';

// Kills workers, queue servers, fronts and batches while they draw, cuts networks, sends what no client should, and
// counts what was lost and what was done twice.

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    jobs: { type: 'string' },
    steps: { type: 'string' },
    times: { type: 'string' },
    pictures: { type: 'string' },
    // A part of a scenario's name, `memory` or `clients`: the others keep their results.
    only: { type: 'string', multiple: true },
  },
});
if (findServer() === undefined) throw new Error(missingServer);
const model = values.model === undefined ? tinyModel() : path.resolve(values.model);
const jobs: Jobs = {
  model,
  steps: Number(values.steps ?? 4),
  count: Number(values.jobs ?? 200),
  times: Number(values.times ?? 4),
  prompt: existsSync(path.join(model, 'text_encoder')) ? 'a photo of a red sneaker' : undefined,
};
const isAsked = (name: string) => values.only?.some((part) => name.includes(part)) ?? true;
const log = startLog();
const file = path.join(RESULTS, 'chaos.json');
const before = existsSync(file) ? chaosSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
const scenarios = new Map(before?.scenarios.map((scenario) => [scenario.name, scenario]));
let { memory, clients } = before ?? { memory: undefined, clients: undefined };

if (SCENARIOS.some(({ name }) => isAsked(name))) {
  const reference = await drawReference(jobs);
  try {
    for (const { name, run } of SCENARIOS.filter((one) => isAsked(one.name))) {
      const result = await run(jobs, reference).catch((error) => {
        if (error instanceof Skipped) return { skipped: error.message };
        throw error;
      });
      scenarios.set(name, { name, ...result });
      log(`${name}: ${JSON.stringify(result)}`);
      save();
    }
  } finally {
    await reference.leave();
  }
}
if (isAsked('memory')) {
  memory = await measureMemory({ ...jobs, count: Number(values.pictures ?? 1000) });
  log(`memory: ${JSON.stringify(memory)}`);
  save();
}
if (isAsked('clients')) {
  clients = [...(await measureClients({ ...jobs, count: Math.min(jobs.count, 50) }))];
  log(`clients: ${JSON.stringify(clients)}`);
  save();
}

/** After each part, so that a run that is stopped loses none. */
function save(): void {
  const results: ChaosResults = {
    measuredAt: new Date().toISOString(),
    model: path.relative(ROOT, model).replace('.cache/bench/tiny-pixels', 'models/tiny/ddpm-unet'),
    steps: jobs.steps,
    scenarios: SCENARIOS.flatMap(({ name }) => scenarios.get(name) ?? []),
    memory,
    clients,
  };
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  const lines = renderChaos(results);
  writeFileSync(
    path.join(RESULTS, 'chaos.md'),
    `# What becomes of pictures when machines fail\n\n${lines.join('\n')}\n`,
  );
  writeBlock(path.join(ROOT, 'docs/serving.md'), 'chaos', lines);
}
