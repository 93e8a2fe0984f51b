import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CacheQuantError, type StorageWriter } from '@cachequant/tensor';
import { storageError } from './storage-error.js';

/** Writes a file under a temporary name and moves it to its place when it is whole. */
export class FileWriter implements StorageWriter {
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #place: string;
  #position = 0;
  #state: 'open' | 'failed' | 'committed' | 'aborted' = 'open';

  constructor(handle: FileHandle, temporary: string, place: string) {
    this.#handle = handle;
    this.#temporary = temporary;
    this.#place = place;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen('write');
    const start = this.#position;
    this.#position += chunk.byteLength;
    try {
      let done = 0;
      while (done < chunk.byteLength) {
        const { bytesWritten } = await this.#handle.write(chunk, done, chunk.byteLength - done, start + done);
        done += bytesWritten;
      }
    } catch (error) {
      this.#state = 'failed';
      throw storageError(error, 'write', this.#place);
    }
  }

  async flush(): Promise<void> {
    this.#requireOpen('flush');
    try {
      await this.#handle.sync();
    } catch (error) {
      this.#state = 'failed';
      throw storageError(error, 'flush', this.#place);
    }
  }

  async commit(): Promise<void> {
    this.#requireOpen('commit');
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.#place);
      await syncFolder(dirname(this.#place));
      this.#state = 'committed';
    } catch (error) {
      this.#state = 'failed';
      await this.abort();
      throw storageError(error, 'commit', this.#place);
    }
  }

  async abort(): Promise<void> {
    if (this.#state === 'committed' || this.#state === 'aborted') return;
    this.#state = 'aborted';
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true }).catch(() => undefined);
  }

  #requireOpen(where: string): void {
    if (this.#state === 'open') return;
    throw new CacheQuantError(
      'storage',
      `the writer was ${this.#state === 'failed' ? 'broken by an earlier error' : this.#state}`,
      {
        where: `${where} ${this.#place}`,
        hint: 'Create the file again',
      },
    );
  }
}

/** Makes the rename survive a power cut, where folders can be opened. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
