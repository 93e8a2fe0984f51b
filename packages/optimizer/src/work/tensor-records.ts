import { type Storage, type StorageWriter, type Tensor, tensor } from '@cachequant/tensor';

type Floats = Tensor<'float32'>;

/** Where records of tensors are: all in one file, each made of tensors of the same sizes. */
export interface TensorRecords {
  readonly path: string;
  /** Of the tensors of one record. */
  readonly dims: readonly (readonly number[])[];
  readonly count: number;
}

/** Writes records of float32 tensors one behind another, so that a later pass can read any of them. */
export class TensorRecorder {
  #writer: StorageWriter | undefined;
  #dims: readonly (readonly number[])[] = [];
  #count = 0;

  constructor(
    private readonly storage: Storage,
    private readonly path: string,
  ) {}

  /** @param tensors of the same sizes as those of the first record */
  async add(tensors: readonly Floats[]): Promise<void> {
    this.#writer ??= await this.storage.create(this.path);
    if (this.#count === 0) this.#dims = tensors.map(({ dims }) => [...dims]);
    for (const { data } of tensors) {
      await this.#writer.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    this.#count += 1;
  }

  async finish(): Promise<TensorRecords> {
    await this.#writer?.commit();
    return { path: this.path, dims: this.#dims, count: this.#count };
  }

  /** Forgets what was written; harmless after `finish`. */
  async abort(): Promise<void> {
    await this.#writer?.abort();
  }
}

export function recordBytes({ dims }: Pick<TensorRecords, 'dims'>): number {
  return dims.reduce((sum, sizes) => sum + 4 * elements(sizes), 0);
}

/** @throws CacheQuantError `storage` when the file is missing or cut short */
export async function readRecord(storage: Storage, records: TensorRecords, index: number): Promise<Floats[]> {
  const length = recordBytes(records);
  const bytes = await storage.read(records.path, { offset: index * length, length });
  // A copy, since what a storage hands out need not be aligned to float32.
  const values = new Float32Array(bytes.slice().buffer);
  let offset = 0;
  return records.dims.map((dims) => {
    const size = elements(dims);
    const data = values.subarray(offset, offset + size);
    offset += size;
    return tensor('float32', dims, data);
  });
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
