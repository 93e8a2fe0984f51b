import { memoryStorage } from '@cachequant/tensor';
import { onTestFinished } from 'vitest';
import { PictureQueue } from '../picture-queue.js';
import { folderArchive } from '../pictures/folder-archive.js';
import type { PictureArchive } from '../pictures/picture-archive.js';
import { type QueueWorker, type QueueWorkerOptions, startQueueWorker } from '../worker/queue-worker.js';
import type { FakeModel } from './fake-model.js';

export interface CountingArchive extends PictureArchive {
  /** Keys, as they were put. */
  readonly puts: string[];
}

/** Pictures in memory. */
export function memoryArchive(): CountingArchive {
  const puts: string[] = [];
  const archive = folderArchive(memoryStorage());
  return {
    ...archive,
    puts,
    put: async (key, file) => {
      puts.push(key);
      await archive.put(key, file);
    },
  };
}

export interface StartedWorker extends QueueWorker {
  /** Lines of the log, parsed. */
  readonly log: () => Record<string, unknown>[];
}

/** A worker that ends with the test. */
export async function startWorker(
  address: string,
  archive: PictureArchive,
  models: readonly FakeModel[],
  takeoverSeconds = 30,
  health?: QueueWorkerOptions['health'],
): Promise<StartedWorker> {
  const lines: string[] = [];
  const logTo = { write: (line: string) => void lines.push(line) };
  const worker = await startQueueWorker({ address, archive, models, takeoverSeconds, logTo, health });
  let closed: Promise<void> | undefined;
  const close: QueueWorker['close'] = (options) => {
    closed ??= worker.close(options);
    return closed;
  };
  onTestFinished(() => close({ graceSeconds: 0 }));
  return { ...worker, close, log: () => lines.map((line) => JSON.parse(line)) };
}

/** One who asks, until the test ends. */
export function startQueue(address: string, archive: PictureArchive): PictureQueue {
  const queue = new PictureQueue({ address, archive, pollMs: 100 });
  onTestFinished(() => queue.close());
  return queue;
}

/** Polls until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
