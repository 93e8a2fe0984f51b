import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DType, Tensor } from '@cachequant/tensor';
import type {
  KernelEvent,
  SessionDescription,
  ValueDescription,
  WireTensor,
} from '@cachequant/tensor/worker-runtime';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { takeKernelEvents } from './profile-file.js';
import type { Calls, LoadRequest } from './protocol.js';

type Ort = typeof import('onnxruntime-node');

interface HostedSession {
  readonly session: InferenceSession;
  readonly keep: ReadonlySet<string>;
  readonly profileFolder: string | undefined;
}

/** Sessions and kept tensors of one worker; errors are ONNX Runtime's own. */
export interface SessionHost {
  readonly version: string;
  load(request: LoadRequest): Promise<SessionDescription>;
  run(request: Calls['run']['request']): Promise<Record<string, WireTensor>>;
  endProfiling(session: number): readonly KernelEvent[];
  release(session: number): Promise<undefined>;
  readHeld(held: number): Tensor;
  dropHeld(held: number): undefined;
  /** Frees everything. */
  close(): Promise<void>;
}

export async function createSessionHost(threads: number): Promise<SessionHost> {
  const ort = await import('onnxruntime-node');
  ort.env.logLevel = 'fatal';
  const sessions = new Map<number, HostedSession>();
  const held = new Map<number, OrtTensor>();
  let lastNumber = 0;

  const hosted = (number: number): HostedSession => {
    const found = sessions.get(number);
    if (found === undefined) throw new Error(`the worker has no session ${number}`);
    return found;
  };
  const kept = (number: number): OrtTensor => {
    const found = held.get(number);
    if (found === undefined) throw new Error(`the worker has no tensor ${number}`);
    return found;
  };

  const host: SessionHost = {
    version: ort.env.versions.node ?? ort.env.versions.common,

    async load(request) {
      const options = sessionOptions(request, threads);
      const session =
        typeof request.model === 'string'
          ? await ort.InferenceSession.create(request.model, options)
          : await ort.InferenceSession.create(new Uint8Array(request.model), options);
      const number = ++lastNumber;
      const { keep, profileFolder } = request;
      sessions.set(number, { session, keep: new Set(keep), profileFolder });
      return {
        session: number,
        inputs: session.inputMetadata.map(describe),
        outputs: session.outputMetadata.map(describe),
      };
    },

    async run({ session: number, feeds, outputs }) {
      const { session, keep } = hosted(number);
      const values: Record<string, OrtTensor> = {};
      for (const [name, feed] of Object.entries(feeds)) {
        values[name] = 'held' in feed ? kept(feed.held) : toOrt(ort, feed);
      }
      const results = await session.run(values, outputs);
      const wire: Record<string, WireTensor> = {};
      for (const name of outputs) {
        const result = results[name] as OrtTensor;
        if (!keep.has(name)) {
          wire[name] = fromOrt(result);
          continue;
        }
        held.set(++lastNumber, result);
        wire[name] = { dtype: result.type as DType, dims: result.dims, held: lastNumber };
      }
      return wire;
    },

    endProfiling(number) {
      const { session, profileFolder } = hosted(number);
      if (profileFolder === undefined) throw new Error('the session was loaded without profiling');
      session.endProfiling();
      return takeKernelEvents(profileFolder);
    },

    async release(number) {
      const { session, profileFolder } = hosted(number);
      sessions.delete(number);
      await session.release();
      if (profileFolder !== undefined) rmSync(profileFolder, { recursive: true, force: true });
      return undefined;
    },

    readHeld(number) {
      const tensor = fromOrt(kept(number));
      return { ...tensor, data: tensor.data.slice() };
    },

    dropHeld(number) {
      held.delete(number);
      return undefined;
    },

    async close() {
      held.clear();
      for (const number of [...sessions.keys()]) await host.release(number);
    },
  };
  return host;
}

function sessionOptions(request: LoadRequest, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: request.optimization,
    // Patterns plan one block for all activations beside those of the first run: a float call of Stable Diffusion 1.5's
    // size on 64×64 latents took 7.7 GiB with them and 5.4 without, in the same time.
    enableMemPattern: false,
    // What goes wrong is thrown; nothing is to be printed as well.
    logSeverityLevel: 4,
    // Every session has threads of its own. Those of the one that ran last would go on spinning and take the
    // cores from the next one: with full and cached graphs in turn, calls were measured at four times their time.
    extra: {
      session: {
        force_spinning_stop: '1',
        ...(request.externalFolder !== undefined && {
          model_external_initializers_file_folder_path: request.externalFolder,
        }),
      },
    },
    externalData: request.externalData.map(({ path, buffer }) => ({ path, data: new Uint8Array(buffer) })),
    ...(request.profileFolder === undefined
      ? {}
      : { enableProfiling: true, profileFilePrefix: join(request.profileFolder, 'profile') }),
  };
}

function describe(value: InferenceSession.ValueMetadata): ValueDescription {
  if (!value.isTensor) return { name: value.name, type: undefined, shape: [] };
  return { name: value.name, type: value.type, shape: value.shape };
}

function toOrt(ort: Ort, { dtype, dims, data }: Tensor): OrtTensor {
  return new ort.Tensor(dtype as OrtTensor.Type, data as OrtTensor.DataType, dims);
}

/** Takes the memory as it is where the array owns its buffer, which is what ONNX Runtime hands out. */
function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  const array = data as Tensor['data'];
  const whole = array.byteLength === array.buffer.byteLength;
  return { dtype: type as DType, dims, data: whole ? array : array.slice() };
}
