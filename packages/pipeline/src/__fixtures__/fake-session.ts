import {
  CacheQuantError,
  type DeviceTensor,
  type Feeds,
  type Outputs,
  type RunOptions,
  type Session,
  type Tensor,
  type TensorInfo,
  tensor,
} from '@cachequant/tensor';

export interface FakeSession extends Session {
  /** The feeds of every run so far. */
  readonly runs: Feeds[];
  readonly disposed: boolean;
}

/** A session whose outputs are computed by a function, and which keeps what it was fed. */
export function fakeSession(
  inputs: readonly TensorInfo[],
  outputs: readonly string[],
  compute: (feeds: Feeds, run: number) => Outputs,
): FakeSession {
  const runs: Feeds[] = [];
  let disposed = false;
  return {
    inputs,
    outputs: outputs.map((name) => ({ name, dtype: 'float32', dims: [null, null, null, null] })),
    runs,
    get disposed() {
      return disposed;
    },
    async run(feeds: Feeds, { outputs: wanted = outputs }: RunOptions = {}) {
      const missing = inputs.filter(({ name }) => feeds[name] === undefined);
      const unknown = Object.keys(feeds).filter((name) => !inputs.some((input) => input.name === name));
      if (missing.length + unknown.length > 0) throw new CacheQuantError('invalid-argument', 'wrong feeds');
      runs.push(feeds);
      const computed = compute(feeds, runs.length - 1);
      return Object.fromEntries(wanted.map((name) => [name, computed[name]!]));
    },
    endProfiling: async () => [],
    async dispose() {
      disposed = true;
    },
  };
}

export function input(name: string, dtype: TensorInfo['dtype'], dims: TensorInfo['dims']): TensorInfo {
  return { name, dtype, dims };
}

/** A tensor on a device, which knows whether it was freed. */
export interface FakeDeviceTensor extends DeviceTensor {
  readonly disposed: boolean;
}

export function deviceTensor(content: Tensor): FakeDeviceTensor {
  let disposed = false;
  return {
    dtype: content.dtype,
    dims: content.dims,
    device: 'fake',
    get disposed() {
      return disposed;
    },
    read: async () => content,
    dispose() {
      disposed = true;
    },
  };
}

export function floats(dims: readonly number[], ...values: number[]): Tensor<'float32'> {
  return tensor('float32', dims, Float32Array.from(values));
}
