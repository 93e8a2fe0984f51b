import { connect, type Socket } from 'node:net';
import type { Jobs } from './jobs.js';
import { freePort, Place, until } from './processes.js';

/** Memory of a server over many pictures. */
export interface MemoryResult {
  readonly pictures: number;
  /** Resident memory after so many pictures. */
  readonly samples: { pictures: number; bytes: number }[];
  /** Growth of the second half, by the line of least squares. */
  readonly bytesPerPicture: number;
}

const SAMPLES = 20;

/** Draws many pictures in one process, and looks at its memory. */
export async function measureMemory(jobs: Jobs): Promise<MemoryResult> {
  return withServer(jobs, async ({ url }) => {
    const samples: { pictures: number; bytes: number }[] = [];
    for (let pictures = 1; pictures <= jobs.count; pictures++) {
      await draw(url, jobs, pictures);
      if (pictures % Math.ceil(jobs.count / SAMPLES) === 0)
        samples.push({ pictures, bytes: await residentBytes(url) });
    }
    return { pictures: jobs.count, samples, bytesPerPicture: slope(samples.slice(samples.length / 2)) };
  });
}

/** What others got while bad clients were at work. */
export interface ClientsResult {
  readonly bad: string;
  /** Requests of good clients, and those that were answered with a picture. */
  readonly asked: number;
  readonly served: number;
  /** Growth of resident memory at its peak, beyond what the same requests took before. */
  readonly grownBytes: number;
}

const HEAD = 'POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

/** Serves good clients while bad ones are at work, kind by kind. */
export async function measureClients(jobs: Jobs): Promise<readonly ClientsResult[]> {
  return withServer(jobs, async ({ url, port }) => {
    for (let seed = 0; seed < jobs.count; seed++) await draw(url, jobs, seed);
    const results: ClientsResult[] = [];
    for (const [bad, attack] of ATTACKS) {
      const before = await residentBytes(url);
      const stop = attack(port);
      let [served, peak] = [0, before];
      for (let seed = 0; seed < jobs.count; seed++) {
        served += await draw(url, jobs, seed).then(
          () => 1,
          () => 0,
        );
        peak = Math.max(peak, await residentBytes(url));
      }
      stop();
      results.push({ bad, asked: jobs.count, served, grownBytes: peak - before });
    }
    return results;
  });
}

const ATTACKS: readonly (readonly [name: string, attack: (port: number) => () => void])[] = [
  ['200 that send headers a byte at a time', (port) => many(port, 200, drip)],
  [
    '100 that send half a body',
    (port) => many(port, 100, (socket) => socket.write(`${HEAD}content-length: 100\r\n\r\n{"prompt": "ha`)),
  ],
  ['20 that send bodies of 100 MB', (port) => many(port, 20, pour)],
  [
    '100 that send no HTTP',
    (port) => many(port, 100, (socket) => socket.write('\x16\x03\x01\x02\x00 no HTTP\r\n\r\n')),
  ],
];

/** Connections that are made again when they are ended. */
function many(port: number, count: number, begin: (socket: Socket) => void): () => void {
  const sockets = new Set<Socket>();
  let isOver = false;
  const open = () => {
    if (isOver) return;
    const socket = connect(port, '127.0.0.1');
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      setTimeout(open, 50);
    });
    socket.on('connect', () => begin(socket));
    socket.resume();
  };
  for (let i = 0; i < count; i++) open();
  return () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
}

function drip(socket: Socket): void {
  let at = 0;
  const timer = setInterval(() => socket.writable && socket.write(HEAD[at++] ?? 'x'), 100);
  socket.on('close', () => clearInterval(timer));
}

function pour(socket: Socket): void {
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  socket.write(`${HEAD}content-length: 100000000\r\n\r\n`);
  let sent = 0;
  const more = () => {
    while (sent < 1600 && socket.writable) {
      sent += 1;
      if (!socket.write(chunk)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}

async function withServer<T>(
  jobs: Jobs,
  work: (server: { readonly url: string; readonly port: number }) => Promise<T>,
): Promise<T> {
  const place = new Place();
  try {
    const port = await freePort();
    const argv = ['--port', String(port), '--threads', '1', '--warm-up-steps', '1'];
    const command = place.start(['serve', jobs.model, ...argv]);
    const url = `http://127.0.0.1:${port}`;
    await until('the server is ready', () => command.log().some(({ msg }) => msg === 'ready'), { command });
    return await work({ url, port });
  } finally {
    await place.leave();
  }
}

async function draw(url: string, { prompt = '', steps }: Jobs, seed: number): Promise<void> {
  const answer = await fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt, seed, num_inference_steps: steps }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
}

async function residentBytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

function slope(samples: readonly { readonly pictures: number; readonly bytes: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(samples.map(({ pictures }) => pictures));
  const y = mean(samples.map(({ bytes }) => bytes));
  const above = samples.reduce((sum, { pictures, bytes }) => sum + (pictures - x) * (bytes - y), 0);
  return above / samples.reduce((sum, { pictures }) => sum + (pictures - x) ** 2, 0);
}
