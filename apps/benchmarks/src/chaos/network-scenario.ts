import { spawnSync } from 'node:child_process';
import { startRedis } from '../redis.js';
import {
  atResults,
  type Jobs,
  ready,
  type ScenarioResult,
  spread,
  startBatch,
  startWorker,
  TAKEOVER_SECONDS,
  tallyBatch,
  writePrompts,
} from './jobs.js';
import { Place, pause } from './processes.js';
import { Skipped } from './skipped.js';

const HOST = '10.213.77.1';
const WORKER = '10.213.77.2';
const NAMESPACE = `cachequant-${process.pid}`;
const [OUTSIDE, INSIDE] = [`cq${process.pid}a`, `cq${process.pid}b`];

/**
 * Two workers, one of them in a network namespace of its own, whose link to the queue's server is cut in the middle for
 * longer than a job waits for its worker.
 */
export async function networkScenario(jobs: Jobs, reference: Place): Promise<ScenarioResult> {
  openNamespace();
  const place = new Place();
  try {
    const redis = await startRedis({ host: HOST });
    try {
      writePrompts(place, jobs);
      const within = ['ip', 'netns', 'exec', NAMESPACE];
      await Promise.all([
        ready(startWorker(place, jobs, redis.address, within)),
        ready(startWorker(place, jobs, redis.address)),
      ]);
      const batch = startBatch(place, jobs, redis.address);
      await atResults(
        place,
        spread(jobs.count, jobs.times),
        () => batch,
        async () => {
          ip('link', 'set', OUTSIDE, 'down');
          await pause(2500 * TAKEOVER_SECONDS);
          ip('link', 'set', OUTSIDE, 'up');
        },
      );
      const code = await batch.ended;
      if (code !== 0) throw new Error(`the batch ended with ${code}: ${batch.stderr()}`);
      const seconds = 2.5 * TAKEOVER_SECONDS;
      return { done: `${jobs.times} cuts of ${seconds} s, ip netns`, ...tallyBatch(place, jobs, reference) };
    } finally {
      await place.leave();
      await redis.stop();
    }
  } finally {
    await place.leave();
    ip('netns', 'del', NAMESPACE);
  }
}

/** @throws Skipped where namespaces cannot be made */
function openNamespace(): void {
  if (ip('netns', 'add', NAMESPACE) !== 0) throw new Skipped('no network namespaces here (ip netns add)');
  const steps = [
    ['link', 'add', OUTSIDE, 'type', 'veth', 'peer', 'name', INSIDE],
    ['link', 'set', INSIDE, 'netns', NAMESPACE],
    ['addr', 'add', `${HOST}/24`, 'dev', OUTSIDE],
    ['link', 'set', OUTSIDE, 'up'],
    ['-n', NAMESPACE, 'addr', 'add', `${WORKER}/24`, 'dev', INSIDE],
    ['-n', NAMESPACE, 'link', 'set', INSIDE, 'up'],
    ['-n', NAMESPACE, 'link', 'set', 'lo', 'up'],
  ];
  const failed = steps.find((step) => ip(...step) !== 0);
  if (failed === undefined) return;
  ip('netns', 'del', NAMESPACE);
  throw new Skipped(`no link between network namespaces here (ip ${failed.join(' ')})`);
}

function ip(...args: string[]): number {
  return spawnSync('ip', args, { stdio: 'ignore' }).status ?? 1;
}
