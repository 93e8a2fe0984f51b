import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CacheQuantError,
  type LoadOptions,
  type ModelSource,
  type Runtime,
  type RuntimeCapabilities,
  type Session,
  throwIfAborted,
} from '@cachequant/tensor';
import { openSession, probeInt8FullRange } from '@cachequant/tensor/worker-runtime';
import { openModel } from './model-source.js';
import { ortError } from './ort-error.js';
import { WorkerClient } from './worker-client.js';
import { findWorkerScript } from './worker-script.js';

/** How many threads the runtime uses. */
export interface NodeRuntimeOptions {
  /** Threads that one operator may use; as many as the process has processors when left out. */
  readonly threads?: number;
}

/**
 * Starts ONNX Runtime's CPU provider in a worker thread, which all sessions of the runtime share.
 *
 * @throws CacheQuantError `invalid-argument` (threads), `runtime` (onnxruntime-node is missing or has no
 *   binary for this platform)
 */
export async function createNodeRuntime(options: NodeRuntimeOptions = {}): Promise<Runtime> {
  const threads = options.threads ?? availableParallelism();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new CacheQuantError('invalid-argument', 'the number of threads is wrong', {
      where: 'createNodeRuntime, threads',
      expected: 'a whole number from 1',
      got: String(threads),
    });
  }
  const client = new WorkerClient(findWorkerScript());
  const wrap = (message: string) =>
    ortError('onnxruntime-node cannot be started', 'createNodeRuntime', message);
  try {
    const { version } = await client.call('start', { threads }, { wrap });
    return new NodeRuntime(client, version, threads);
  } catch (error) {
    await client.close(disposed());
    throw error;
  }
}

class NodeRuntime implements Runtime {
  readonly name = 'node-cpu';
  readonly version: string;
  readonly threads: number;
  readonly #client: WorkerClient;
  #capabilities: Promise<RuntimeCapabilities> | undefined;
  readonly #profileFolders: string[] = [];
  /** What is taken away when nothing of it can be in use any more. */
  readonly #held: (() => Promise<void>)[] = [];

  constructor(client: WorkerClient, version: string, threads: number) {
    this.#client = client;
    this.version = version;
    this.threads = threads;
  }

  capabilities(): Promise<RuntimeCapabilities> {
    this.#capabilities ??= probeInt8FullRange(this).then(
      (int8FullRange) => ({ int8: true, int8FullRange, float16: true, deviceTensors: true, profiling: true }),
      (error) => {
        this.#capabilities = undefined;
        throw error;
      },
    );
    return this.#capabilities;
  }

  async load(source: ModelSource, options: LoadOptions = {}): Promise<Session> {
    const { keepOnDevice = [], optimization = 'all', profiling = false, onProgress, signal } = options;
    throwIfAborted(signal);
    const { label, model, externalData, externalFolder, size, release } = await openModel(source);
    const profileFolder = profiling ? this.#makeProfileFolder() : undefined;
    const request = { model, externalData, externalFolder, optimization, keep: keepOnDevice, profileFolder };
    const buffers = [model, ...externalData.map(({ buffer }) => buffer)];
    const moved = buffers.filter((buffer) => typeof buffer !== 'string');
    const wrap = (message: string) => ortError('the model cannot be loaded', label, message);
    const client = this.#client;
    const loaded = await client
      .call('load', request, { moved, signal, wrap })
      .finally(() => this.#letGo(release));
    const session = await openSession(client, loaded, { label, keepOnDevice, profiling });
    onProgress?.({ loadedBytes: size, totalBytes: size });
    return session;
  }

  async dispose(): Promise<void> {
    await this.#client.close(disposed());
    await Promise.all(this.#held.map((release) => release()));
    for (const folder of this.#profileFolders) rmSync(folder, { recursive: true, force: true });
  }

  /** Files that a process has mapped can be removed, but on Windows. */
  async #letGo(release: (() => Promise<void>) | undefined): Promise<void> {
    if (release === undefined) return;
    if (process.platform === 'win32') this.#held.push(release);
    else await release();
  }

  #makeProfileFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'cachequant-profile-'));
    this.#profileFolders.push(folder);
    return folder;
  }
}

function disposed(): CacheQuantError {
  return new CacheQuantError('runtime', 'the runtime was disposed', {
    where: 'node-cpu',
    hint: 'Dispose a runtime only after its last run, or create another one',
  });
}
