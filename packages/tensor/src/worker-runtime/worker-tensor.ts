import { CacheQuantError, type DeviceTensor, type DType, type Tensor } from '../index.js';
import type { HeldTensor, SessionWorker } from './protocol.js';
import { runtimeError } from './runtime-error.js';

/** A tensor that stays in the runtime's worker. */
export class WorkerTensor implements DeviceTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly device: string;
  readonly #worker: SessionWorker;
  readonly #held: number;
  #disposed = false;

  constructor(worker: SessionWorker, { dtype, dims, held }: HeldTensor) {
    this.dtype = dtype;
    this.dims = dims;
    this.device = worker.device;
    this.#worker = worker;
    this.#held = held;
  }

  /** Copies the elements out of the worker. */
  async read(): Promise<Tensor> {
    const held = this.#usable('read');
    const wrap = (message: string) => runtimeError('the tensor cannot be read', 'read', message);
    return this.#worker.call('readHeld', { held }, { wrap });
  }

  /** Frees the memory in the worker. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const wrap = (message: string) => runtimeError('the tensor cannot be freed', 'dispose', message);
    // A worker that is gone has freed the tensor already.
    this.#worker.call('dropHeld', { held: this.#held }, { wrap }).catch(() => undefined);
  }

  /**
   * The tensor's number, for a run in the same worker.
   *
   * @throws CacheQuantError `invalid-argument` when it was disposed or belongs to another runtime
   */
  heldBy(worker: SessionWorker, where: string): number {
    if (worker !== this.#worker) throw foreignTensor(where);
    return this.#usable(where);
  }

  #usable(where: string): number {
    if (!this.#disposed) return this.#held;
    throw new CacheQuantError('invalid-argument', 'the device tensor was disposed', {
      where,
      hint: 'Dispose a device tensor only after the last run that takes it',
    });
  }
}

export function foreignTensor(where: string): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the device tensor belongs to another runtime', {
    where,
    hint: 'Read it, and feed what was read',
  });
}
