import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type Tensor, tensor, toBytes } from '@cachequant/tensor';
import { PYTHON_SOURCES } from '../paths.js';
import { PYTHON } from './python.js';

/** What `load` of python/worker.py takes beside the number of threads. */
export type PeerRequest = Readonly<Record<string, string>> & { readonly peer: 'openvino' | 'pytorch' };

export interface PeerCall {
  readonly graph: 'full' | 'cached';
  readonly timestep: number;
  readonly sample: Tensor<'float32'>;
  /** Sent when it changes; the worker keeps it. */
  readonly hidden: Tensor<'float32'> | undefined;
}

/** A Python process that holds one peer and makes calls on request. */
export interface PeerWorker {
  readonly versions: Readonly<Record<string, string>>;
  run(call: PeerCall): Promise<Tensor<'float32'>>;
  /** Ends the process, which frees its memory. */
  dispose(): Promise<void>;
}

/** An array as python/worker.py reads and writes it. */
interface WireArray {
  readonly dims: readonly number[];
  readonly data: string;
}

/** @throws Error with Python's own message when the peer cannot be loaded */
export async function startPeer(
  request: PeerRequest,
  threads: number,
  signal: AbortSignal,
): Promise<PeerWorker> {
  const script = path.join(PYTHON_SOURCES, 'worker.py');
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(PYTHON, [script], { stdio: ['pipe', 'pipe', 'inherit'], env, signal });
  child.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));

  async function ask<T>(question: object): Promise<T> {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await lines.next();
    signal.throwIfAborted();
    if (done) throw new Error(`The worker of ${request.peer} ended; the machine may lack memory.`);
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error) throw new Error(`${request.peer}: ${answer.error}`);
    return answer;
  }

  const { versions } = await ask<{ versions: Record<string, string> }>({ op: 'load', threads, ...request });
  return {
    versions,
    async run({ graph, timestep, sample, hidden }) {
      const given = { sample: toWire(sample), hidden: hidden ? toWire(hidden) : null };
      return fromWire((await ask<{ output: WireArray }>({ op: 'run', graph, timestep, ...given })).output);
    },
    async dispose() {
      child.stdin.end();
      await closed;
    },
  };
}

const toWire = ({ dims, data }: Tensor<'float32'>): WireArray => ({
  dims,
  data: Buffer.from(toBytes(data)).toString('base64'),
});

function fromWire({ dims, data }: WireArray): Tensor<'float32'> {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  return tensor('float32', dims, new Float32Array(bytes.buffer));
}
