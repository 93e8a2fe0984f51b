import { type RedisServer, startRedis } from '../redis.js';
import { frontScenario } from './front-scenario.js';
import {
  atResults,
  type Jobs,
  ready,
  type ScenarioResult,
  spread,
  startBatch,
  startWorker,
  tallyBatch,
  writePrompts,
} from './jobs.js';
import { networkScenario } from './network-scenario.js';
import { type Command, Place, pause } from './processes.js';

/** What is done to jobs while they are drawn, and what became of them. */
export interface Scenario {
  readonly name: string;
  /** Throws `Skipped` where this machine cannot. */
  run(jobs: Jobs, reference: Place): Promise<ScenarioResult>;
}

const WORKERS = 2;

/** An undisturbed run, without a queue: what all pictures should be. */
export async function drawReference(jobs: Jobs): Promise<Place> {
  const place = new Place();
  writePrompts(place, jobs);
  const batch = startBatch(place, jobs, undefined);
  if ((await batch.ended) !== 0) throw new Error(batch.stderr());
  return place;
}

/** Workers, and a batch that they draw, in the middle of which something happens again and again. */
interface Run {
  readonly place: Place;
  readonly jobs: Jobs;
  readonly redis: RedisServer;
  /** Oldest first. */
  readonly workers: Command[];
  batch: Command;
}

function disturbed(
  act: (run: Run, at: number) => Promise<void>,
  done: (times: number) => string,
): Scenario['run'] {
  return (jobs, reference) =>
    withQueue(async (place, redis) => {
      writePrompts(place, jobs);
      const workers = Array.from({ length: WORKERS }, () => startWorker(place, jobs, redis.address));
      await Promise.all(workers.map(ready));
      const run: Run = { place, jobs, redis, workers, batch: startBatch(place, jobs, redis.address) };
      await atResults(
        place,
        spread(jobs.count, jobs.times),
        () => run.batch,
        (at) => act(run, at),
      );
      return ended(place, jobs, reference, run.batch, done(jobs.times));
    });
}

/** Each time a worker is killed, another one starts. */
const workers: Scenario = {
  name: 'SIGKILL of a worker',
  run: disturbed(
    async ({ place, jobs, redis, workers }) => {
      await workers.shift()!.kill();
      workers.push(startWorker(place, jobs, redis.address));
    },
    (times) => `${times} workers killed and replaced`,
  ),
};

/** The queue's server has written every change to its append-only file. */
const queueServer: Scenario = {
  name: 'SIGKILL of the queue’s server',
  run: disturbed(
    async ({ redis }, at) => {
      await redis.kill();
      await pause(at % 2 === 0 ? 200 : 2000);
      await redis.restart();
    },
    (times) => `${times} kills, back after 0.2 or 2 s`,
  ),
};

/** SIGKILL of the queue's server, which comes back without anything. */
const emptyServer: Scenario = {
  name: 'the queue’s server loses everything',
  run: disturbed(
    ({ redis }) => redis.restart({ forget: true }),
    (times) => `${times} kills, back empty`,
  ),
};

/** SIGKILL of the process that has the prompts; the same command goes on. */
const batches: Scenario = {
  name: 'SIGKILL of `generate --prompts --queue`',
  run: disturbed(
    async (run) => {
      await run.batch.kill();
      run.batch = startBatch(run.place, run.jobs, run.redis.address);
    },
    (times) => `${times} kills, the same command again`,
  ),
};

/** The same without a queue. */
const localBatches: Scenario = {
  name: 'SIGKILL of `generate --prompts`, no queue',
  async run(jobs, reference) {
    const place = new Place();
    try {
      writePrompts(place, jobs);
      let batch = startBatch(place, jobs, undefined);
      await atResults(
        place,
        spread(jobs.count, jobs.times),
        () => batch,
        async () => {
          await batch.kill();
          batch = startBatch(place, jobs, undefined);
        },
      );
      return await ended(place, jobs, reference, batch, `${jobs.times} kills, the same command again`);
    } finally {
      await place.leave();
    }
  },
};

const fronts: Scenario = {
  name: 'SIGKILL of the front',
  run: (jobs) => withQueue((place, redis) => frontScenario(place, jobs, redis)),
};

const network: Scenario = { name: 'network cut between machines', run: networkScenario };

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  workers,
  queueServer,
  emptyServer,
  fronts,
  batches,
  localBatches,
  network,
];

async function ended(
  place: Place,
  jobs: Jobs,
  reference: Place,
  batch: Command,
  done: string,
): Promise<ScenarioResult> {
  const code = await batch.ended;
  if (code !== 0) throw new Error(`the batch ended with ${code}: ${batch.stderr()}`);
  return { done, ...tallyBatch(place, jobs, reference) };
}

async function withQueue<T>(work: (place: Place, redis: RedisServer) => Promise<T>): Promise<T> {
  const place = new Place();
  const redis = await startRedis();
  try {
    return await work(place, redis);
  } finally {
    await place.leave();
    await redis.stop();
  }
}
