import { writeFileSync } from 'node:fs';
import { type Command, freePort, Place, until } from '../chaos/processes.js';
import { startRedis } from '../redis.js';

/** Times of requests, in milliseconds. */
export interface Latency {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly picturesPerHour: number;
}

/** How many pictures each number is from. */
export interface Counts {
  readonly requests: number;
  readonly batch: number;
}

const PROMPT = 'a photo of a red sneaker';
const NAME = 'bundle';
/** Seeds of pictures that nobody has asked for yet. */
let nextSeed = 1;

/** One server of two threads, asked by 1, 2 and 8 clients at a time. */
export async function measureClientCounts(
  bundle: string,
  { requests }: Counts,
): Promise<Record<string, Latency>> {
  const place = new Place();
  try {
    const url = await startServer(place, [`${NAME}=${bundle}`, '--threads', '2']);
    await askMany(url, 3, 1);
    const results: Record<string, Latency> = {};
    for (const clients of [1, 2, 8]) results[clients] = await askMany(url, requests, clients);
    return results;
  } finally {
    await place.leave();
  }
}

/** The same picture's time through a front and a worker against a server that generates itself, in turn. */
export async function measureQueue(bundle: string, { requests }: Counts) {
  const place = new Place();
  const redis = await startRedis();
  try {
    const queue = ['--queue', redis.address, '--pictures', place.in('pictures')];
    const direct = await startServer(place, [`${NAME}=${bundle}`, '--threads', '2']);
    await startWorker(place, bundle, queue, 2);
    const front = await startServer(place, queue);
    for (const url of [direct, front]) await askMany(url, 3, 1);
    const times: { direct: number[]; front: number[]; again: number[] } = {
      direct: [],
      front: [],
      again: [],
    };
    for (let i = 0; i < requests; i++) {
      times.direct.push(await ask(direct, nextSeed));
      const seed = nextSeed++;
      times.front.push(await ask(front, seed));
      times.again.push(await ask(front, seed));
    }
    return {
      directMs: median(times.direct),
      queueMs: median(times.front),
      /** Of a picture that was drawn before. */
      repeatMs: median(times.again),
    };
  } finally {
    await place.leave();
    await redis.stop();
  }
}

/** A file of prompts by one worker of two threads, and by two of one thread, in turn. */
export async function measureWorkers(bundle: string, { batch }: Counts) {
  const rounds = 2;
  const perHour: { oneOfTwo: number[]; twoOfOne: number[] } = { oneOfTwo: [], twoOfOne: [] };
  for (let round = 0; round < rounds; round++) {
    perHour.oneOfTwo.push(await batchPerHour(bundle, batch, [2]));
    perHour.twoOfOne.push(await batchPerHour(bundle, batch, [1, 1]));
  }
  return { oneOfTwo: median(perHour.oneOfTwo), twoOfOne: median(perHour.twoOfOne) };
}

async function batchPerHour(bundle: string, count: number, threads: readonly number[]): Promise<number> {
  const place = new Place();
  const redis = await startRedis();
  try {
    const queue = ['--queue', redis.address, '--pictures', place.in('pictures')];
    for (const of of threads) await startWorker(place, bundle, queue, of);
    const draw = async (name: string, pictures: number) => {
      const lines = Array.from({ length: pictures }, () =>
        JSON.stringify({ prompt: PROMPT, seed: nextSeed++ }),
      );
      writeFileSync(place.in(`${name}.jsonl`), `${lines.join('\n')}\n`);
      const command = place.start(['generate', NAME, '--prompts', `${name}.jsonl`, '--out', name, ...queue]);
      if ((await command.ended) !== 0) throw new Error(command.stderr());
    };
    await draw('warm', 4);
    await draw('timed', count);
    return (1000 * 3600 * (count - 1)) / spanMs(place.logs('worker'), count);
  } finally {
    await place.leave();
    await redis.stop();
  }
}

/** From the end of the first of the last `count` pictures to the end of the last one. */
function spanMs(log: readonly Record<string, unknown>[], count: number): number {
  const ends = log
    .filter(({ msg }) => msg === 'drawn')
    .map(({ time }) => Date.parse(String(time)))
    .sort((a, b) => a - b)
    .slice(-count);
  return ends.at(-1)! - ends[0]!;
}

async function startServer(place: Place, argv: readonly string[]): Promise<string> {
  const port = await freePort();
  const command = place.start(['serve', ...argv, '--port', String(port)]);
  await isReady(command);
  return `http://127.0.0.1:${port}`;
}

async function startWorker(
  place: Place,
  bundle: string,
  queue: readonly string[],
  threads: number,
): Promise<void> {
  await isReady(place.start(['worker', `${NAME}=${bundle}`, ...queue, '--threads', String(threads)]));
}

function isReady(command: Command): Promise<void> {
  return until('it is ready', () => command.log().some(({ msg }) => msg === 'ready'), { command });
}

async function askMany(url: string, requests: number, clients: number): Promise<Latency> {
  const times: number[] = [];
  let left = requests;
  const begun = performance.now();
  const client = async () => {
    while (left-- > 0) times.push(await ask(url, nextSeed++));
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - begun) / 1000;
  return {
    medianMs: median(times),
    p95Ms: quantile(times, 0.95),
    picturesPerHour: (3600 * requests) / seconds,
  };
}

/** @returns milliseconds until the whole answer is here */
async function ask(url: string, seed: number): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: PROMPT, seed }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return performance.now() - begun;
}

const median = (values: readonly number[]) => quantile(values, 0.5);

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}
