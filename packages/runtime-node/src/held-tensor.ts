import { CacheQuantError, type DeviceTensor, type DType, type Tensor } from '@cachequant/tensor';
import { unpack } from './host-tensor.js';
import { ortError } from './ort-error.js';
import type { HeldTensor } from './protocol.js';
import type { WorkerClient } from './worker-client.js';

/** A tensor that stays in the runtime's worker thread. */
export class NodeDeviceTensor implements DeviceTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly device = 'node-worker';
  readonly #client: WorkerClient;
  readonly #held: number;
  #disposed = false;

  constructor(client: WorkerClient, { dtype, dims, held }: HeldTensor) {
    this.dtype = dtype;
    this.dims = dims;
    this.#client = client;
    this.#held = held;
  }

  async read(): Promise<Tensor> {
    const held = this.#usable('read');
    const wrap = (message: string) => ortError('the tensor cannot be read', 'read', message);
    return unpack(await this.#client.call('readHeld', { held }, { wrap }));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const wrap = (message: string) => ortError('the tensor cannot be freed', 'dispose', message);
    // A worker that is gone has freed the tensor already.
    this.#client.call('dropHeld', { held: this.#held }, { wrap }).catch(() => undefined);
  }

  /**
   * The tensor's number, for a run in the same worker.
   *
   * @throws CacheQuantError `invalid-argument` when it was disposed or belongs to another runtime
   */
  heldBy(client: WorkerClient, where: string): number {
    if (client !== this.#client) throw foreignTensor(where);
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
