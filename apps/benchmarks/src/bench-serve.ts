import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CLI } from './chaos/processes.js';
import { describeMachine, startLog, untilStopped } from './command.js';
import { CACHE, FASHION, RESULTS, ROOT } from './paths.js';
import { findServer, missingServer } from './redis.js';
import { benchPeers } from './serve/bench-peers.js';
import { measureClientCounts, measureQueue, measureWorkers } from './serve/measure-serve.js';
import { QUICK } from './serve/peer-results.js';
import { type ServeResults, serveTables } from './serve/results.js';
import { writeBlock } from './write-block.js';

// What a server gives: pictures an hour and core, latencies, what a queue costs. The first run makes the bundle; later
// ones take some three minutes on two cores that do nothing else. With --peers, our server beside stable-diffusion.cpp's.

const { values } = parseArgs({
  options: {
    price: { type: 'string' },
    requests: { type: 'string' },
    batch: { type: 'string' },
    peers: { type: 'boolean', default: false },
    size: { type: 'string' },
    steps: { type: 'string' },
    rounds: { type: 'string' },
  },
});
const log = startLog();
if (values.peers) {
  const [size, steps, rounds] = [
    Number(values.size ?? QUICK.size),
    Number(values.steps ?? QUICK.steps),
    Number(values.rounds ?? QUICK.rounds),
  ];
  await untilStopped((signal) => benchPeers({ size, steps, rounds, signal, log }), 'Stopped.');
  process.exit();
}
if (findServer() === undefined) throw new Error(missingServer);
const bundle = path.join(CACHE, 'fashion-bundle');
if (!existsSync(path.join(bundle, 'cachequant.json'))) {
  log('making the bundle');
  const argv = [CLI, 'optimize', FASHION, '--out', bundle, '--interval', '5', '--guidance-scale', '4'];
  const { status } = spawnSync(process.execPath, argv, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`optimize ended with ${status}`);
}
const counts = { requests: Number(values.requests ?? 40), batch: Number(values.batch ?? 80) };
const clients = await measureClientCounts(bundle, counts);
log(JSON.stringify(clients));
const queue = await measureQueue(bundle, counts);
log(JSON.stringify(queue));
const workers = await measureWorkers(bundle, counts);
log(JSON.stringify(workers));
const results: ServeResults = {
  measuredAt: new Date().toISOString(),
  machine: describeMachine(),
  bundle: 'models/fashion-sd, optimized at interval 5 in 8 bits, 50 PLMS steps, 32×32 pixels',
  pricePerCoreHour: Number(values.price ?? 0.04),
  ...counts,
  ...{ clients, queue, workers },
};
const tables = serveTables(results);
writeFileSync(path.join(RESULTS, 'serve.json'), `${JSON.stringify(results, null, 2)}\n`);
writeFileSync(path.join(RESULTS, 'serve.md'), `# What a server gives\n\n${tables.join('\n')}\n`);
writeBlock(path.join(ROOT, 'docs/serving.md'), 'bench:serve', tables);
