import type { RedisServer } from '../redis.js';
import {
  drawings,
  type Jobs,
  queueArguments,
  ready,
  type ScenarioResult,
  spread,
  startWorker,
} from './jobs.js';
import { type Command, freePort, type Place, pause, until } from './processes.js';

const CLIENTS = 8;

/** SIGKILL of the front while clients ask it for pictures, which they send again when they get no answer. */
export async function frontScenario(place: Place, jobs: Jobs, redis: RedisServer): Promise<ScenarioResult> {
  await Promise.all([0, 1].map(() => ready(startWorker(place, jobs, redis.address))));
  const port = await freePort();
  const start = () =>
    place.start([
      'serve',
      ...queueArguments(place, redis.address),
      '--port',
      String(port),
      '--queue-length',
      '64',
    ]);
  let front: Command = start();
  const url = `http://127.0.0.1:${port}`;
  await until('the front is ready', () => isReady(url), { command: front });
  const answers = new Map<number, string[]>();
  let next = 0;
  const client = async () => {
    while (next < jobs.count) {
      const seed = 1000 + next++;
      answers.set(seed, [await picture(url, jobs, seed)]);
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  for (const threshold of spread(jobs.count, jobs.times)) {
    await until(`${threshold} answers`, () => answers.size >= threshold);
    await front.kill();
    front = start();
  }
  await Promise.all(clients);
  return {
    done: `${jobs.times} kills, ${CLIENTS} clients that send again`,
    jobs: jobs.count,
    lost: jobs.count - answers.size,
    recordedTwice: 0,
    ...drawings(place.logs('worker')),
    otherwise: await differing(url, jobs, answers),
  };
}

/** As a client does that wants its picture: again, as long as there is no answer or one that says to. */
async function picture(url: string, { prompt = '', steps }: Jobs, seed: number): Promise<string> {
  for (;;) {
    try {
      const answer = await fetch(`${url}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt, seed, num_inference_steps: steps }),
      });
      const body = (await answer.json()) as { data?: [{ b64_json: string }] };
      if (answer.ok && body.data) return body.data[0].b64_json;
      if (!answer.headers.has('retry-after')) throw new TypeError(JSON.stringify(body));
    } catch (error) {
      // No connection, or one that broke.
      if (!(error instanceof TypeError) || error.message.startsWith('{')) throw error;
    }
    await pause(50);
  }
}

/** Asks for all of them once more: they must be the same, and none is drawn again. */
async function differing(url: string, jobs: Jobs, answers: ReadonlyMap<number, string[]>): Promise<number> {
  let count = 0;
  for (const [seed, [first]] of answers) if ((await picture(url, jobs, seed)) !== first) count += 1;
  return count;
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}
