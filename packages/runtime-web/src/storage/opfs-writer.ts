import { CacheQuantError, type StorageWriter } from '@cachequant/tensor';
import { browserStorageError } from './browser-storage-error.js';

/** Where a file is to be, looked up when it is whole. */
type Place = () => Promise<{ readonly folder: FileSystemDirectoryHandle; readonly name: string }>;

/** TypeScript's library lacks this method, which all browsers with OPFS have. */
interface MovableHandle extends FileSystemFileHandle {
  move(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/** A day: whoever wrote it is gone. */
const ABANDONED_AFTER_MS = 86_400_000;

/** Writes a file aside and moves it to its place when it is whole. */
export class OpfsWriter implements StorageWriter {
  readonly #unfinished: FileSystemDirectoryHandle;
  readonly #handle: MovableHandle;
  readonly #stream: FileSystemWritableFileStream;
  readonly #path: string;
  readonly #place: Place;
  #state: 'open' | 'failed' | 'committed' | 'aborted' = 'open';

  private constructor(
    unfinished: FileSystemDirectoryHandle,
    handle: FileSystemFileHandle,
    stream: FileSystemWritableFileStream,
    path: string,
    place: Place,
  ) {
    this.#unfinished = unfinished;
    this.#handle = handle as MovableHandle;
    this.#stream = stream;
    this.#path = path;
    this.#place = place;
  }

  static async open(unfinished: FileSystemDirectoryHandle, path: string, place: Place): Promise<OpfsWriter> {
    await removeAbandoned(unfinished);
    const name = `${Date.now()}-${crypto.randomUUID()}`;
    const handle = await unfinished.getFileHandle(name, { create: true });
    return new OpfsWriter(unfinished, handle, await handle.createWritable(), path, place);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen('write');
    try {
      await this.#stream.write(chunk as Uint8Array<ArrayBuffer>);
    } catch (error) {
      await this.#fail();
      throw browserStorageError(error, 'write', this.#path);
    }
  }

  async commit(): Promise<void> {
    this.#requireOpen('commit');
    try {
      await this.#stream.close();
      const { folder, name } = await this.#place();
      await this.#handle.move(folder, name);
      this.#state = 'committed';
    } catch (error) {
      await this.#fail();
      throw browserStorageError(error, 'commit', this.#path);
    }
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    await this.#fail();
    this.#state = 'aborted';
  }

  async #fail(): Promise<void> {
    this.#state = 'failed';
    await this.#stream.abort().catch(() => undefined);
    await this.#unfinished.removeEntry(this.#handle.name).catch(() => undefined);
  }

  #requireOpen(where: string): void {
    if (this.#state === 'open') return;
    const summary = `the writer was ${this.#state === 'failed' ? 'broken by an earlier error' : this.#state}`;
    throw new CacheQuantError('storage', summary, {
      where: `${where} ${this.#path}`,
      hint: 'Create the file again',
    });
  }
}

/** Pages that were closed in the middle of a write leave files behind. */
async function removeAbandoned(unfinished: FileSystemDirectoryHandle): Promise<void> {
  for await (const name of unfinished.keys()) {
    const startedMs = Number(name.split('-')[0]);
    if (Date.now() - startedMs < ABANDONED_AFTER_MS) continue;
    await unfinished.removeEntry(name).catch(() => undefined);
  }
}
