import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CLI, freePort, Place, until } from '../chaos/processes.js';
import type { PeerServer } from './peer-results.js';

/** What every server is asked for, in the words of AUTOMATIC1111, which both speak. */
export interface PeerRequest {
  readonly prompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly cfg_scale: number;
  readonly sampler_name: string;
}

/** A server to measure: its name in the table, and the command that starts it at a port. */
export interface Contestant {
  readonly name: string;
  readonly command: (port: number) => readonly string[];
  /** Answers 200 when it can generate. */
  readonly ready: string;
}

/** Ours: a bundle or a model folder. */
export function ours(name: string, model: string, threads: number): Contestant {
  return {
    name,
    command: (port) => [
      ...[process.execPath, CLI, 'serve', `model=${model}`, '--threads', String(threads)],
      ...['--port', String(port), '--deadline', '3600', '--warm-up-steps', '1'],
    ],
    ready: '/readyz',
  };
}

/** What stable-diffusion.cpp has for U-Nets: `spectrum` forecasts outputs at fixed steps, `ucache` by what changes. */
export type SdCache = 'spectrum' | 'ucache';

/** stable-diffusion.cpp's server over the folder, weights in `type`; the options of a cache are its defaults. */
export function sdServer(
  program: string,
  model: string,
  { type, threads, cache }: { readonly type: string; readonly threads: number; readonly cache?: SdCache },
): Contestant {
  return {
    name: `stable-diffusion.cpp, ${type}${cache ? `, ${cache}` : ''}`,
    command: (port) => [
      ...[program, '--model', model, '--type', type, '--threads', String(threads)],
      ...['--listen-ip', '127.0.0.1', '--listen-port', String(port)],
      ...(cache ? ['--cache-mode', cache] : []),
    ],
    ready: '/sdapi/v1/samplers',
  };
}

/** Steps of the pictures that do not count. */
const WARM_UP_STEPS = 2;

/**
 * Asks servers in turn, round by round, one client and one picture at a time, after a first picture each, of few steps,
 * that does not count. All of them run the whole time; those that wait compute nothing.
 */
export async function measurePeers(
  contestants: readonly Contestant[],
  request: PeerRequest,
  { rounds, log }: { readonly rounds: number; readonly log: (line: string) => void },
): Promise<PeerServer[]> {
  const place = new Place();
  const running: Running[] = [];
  try {
    for (const contestant of contestants) {
      log(`starting ${contestant.name}`);
      running.push(await start(place, contestant));
    }
    for (const each of running) {
      const took = await seconds(each, { ...request, steps: WARM_UP_STEPS }, 0);
      log(`${each.name}: ${took.toFixed(1)} s for ${WARM_UP_STEPS} steps, not counted`);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const each of running) {
        const took = await seconds(each, request, round);
        each.times.push(took);
        log(`${each.name}: ${took.toFixed(1)} s`);
      }
    }
    return running.map(({ name, times, child, output }) => ({
      name,
      seconds: times,
      peakBytes: peakBytes(child.pid!),
      ...skippedSteps(readFileSync(output, 'utf8')),
    }));
  } finally {
    for (const { child } of running) child.kill('SIGKILL');
    await place.leave();
  }
}

interface Running {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
  /** The file of what it prints. */
  readonly output: string;
  readonly times: number[];
}

const START_SECONDS = 900;

async function start(place: Place, { name, command, ready }: Contestant): Promise<Running> {
  const port = await freePort();
  const [program, ...args] = command(port);
  const output = place.in(`${path.basename(program!)}-${port}.log`);
  const file = openSync(output, 'a');
  const child = spawn(program!, args, { stdio: ['ignore', file, file] });
  const url = `http://127.0.0.1:${port}`;
  const answers = async () => {
    if (child.exitCode !== null) {
      throw new Error(`${name} ended with ${child.exitCode}: ${readFileSync(output, 'utf8').slice(-2000)}`);
    }
    return fetch(url + ready).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  try {
    await until(`${name} is ready`, answers, { seconds: START_SECONDS });
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return { name, url, child, output, times: [] };
}

/** Until the whole answer is here; checks that it is a picture of the size that was asked for. */
async function seconds({ name, url }: Running, request: PeerRequest, seed: number): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(`${url}/sdapi/v1/txt2img`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...request, negative_prompt: '', seed, batch_size: 1 }),
  });
  const text = await answer.text();
  const took = (performance.now() - begun) / 1000;
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${text.slice(0, 500)}`);
  const { images } = JSON.parse(text) as { images: readonly string[] };
  const png = Buffer.from(images[0]!.replace(/^data:[^,]*,/, ''), 'base64');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  if (width !== request.width || height !== request.height) {
    throw new Error(`${name} made ${width}x${height} in place of ${request.width}x${request.height}`);
  }
  return took;
}

/** The most that was resident, files that are mapped included. */
function peakBytes(pid: number): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return 1024 * Number(kibibytes);
}

/** What stable-diffusion.cpp says at the end of a picture whose steps a cache skipped. */
export function skippedSteps(output: string): Pick<PeerServer, 'skippedSteps'> {
  const said = [...output.matchAll(/skipped (\d+)\/\d+ steps/g)].at(-1);
  return said ? { skippedSteps: Number(said[1]) } : {};
}
