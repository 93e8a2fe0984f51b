import type { DType, Tensor } from '@cachequant/tensor';
import type { HeldTensor, ValueDescription, WireTensor } from '@cachequant/tensor/worker-runtime';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { describeAdapter } from './describe-adapter.js';
import { placeOnGpu } from './gpu-tensor.js';
import { type HostOperators, hostOperatorsIn } from './host-log.js';
import { type OrtLog, takeOrtLog } from './ort-log.js';
import { fromOrt, type Ort, toOrt } from './ort-tensor.js';
import type { Backend, Calls, LoadRequest, LoadResponse, StartRequest, StartResponse } from './protocol.js';

interface HostedSession {
  readonly session: InferenceSession;
  readonly keep: ReadonlySet<string>;
}

/** Sessions and kept tensors of one worker; errors are ONNX Runtime's own. */
export interface SessionHost {
  start(request: StartRequest): Promise<StartResponse>;
  load(request: LoadRequest): Promise<LoadResponse>;
  run(request: Calls['run']['request']): Promise<Record<string, WireTensor>>;
  release(session: number): Promise<undefined>;
  readHeld(held: number): Promise<Tensor>;
  dropHeld(held: number): undefined;
  /** Keeps a tensor where sessions compute. */
  place(tensor: Tensor): Promise<HeldTensor>;
}

export function createSessionHost(ort: Ort, backend: Backend): SessionHost {
  const sessions = new Map<number, HostedSession>();
  const held = new Map<number, OrtTensor>();
  const ortLog = backend === 'webgpu' ? takeOrtLog() : undefined;
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

  const hold = (value: OrtTensor): HeldTensor => {
    held.set(++lastNumber, value);
    return { dtype: value.type as DType, dims: [...value.dims], held: lastNumber };
  };

  return {
    async start({ threads, wasmPaths }) {
      ort.env.logLevel = 'fatal';
      ort.env.wasm.numThreads = threads;
      // This is a worker already.
      ort.env.wasm.proxy = false;
      if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
      const adapter = backend === 'webgpu' ? await describeAdapter() : undefined;
      return { version: ort.env.versions.web ?? ort.env.versions.common, adapter };
    },

    async load(request) {
      const { session, hostOperators } = await createSession(ort, request, ortLog);
      const number = ++lastNumber;
      sessions.set(number, { session, keep: new Set(request.keep) });
      return {
        session: number,
        inputs: session.inputMetadata.map(describe),
        outputs: session.outputMetadata.map(describe),
        hostOperators,
      };
    },

    async run({ session: number, feeds, outputs }) {
      const { session, keep } = hosted(number);
      const values: Record<string, OrtTensor> = {};
      for (const [name, feed] of Object.entries(feeds)) {
        values[name] = 'held' in feed ? kept(feed.held) : toOrt(ort, feed);
      }
      const results = await session.run(values, outputs, { logSeverityLevel: SILENT });
      const wire: Record<string, WireTensor> = {};
      for (const name of outputs) {
        const result = results[name] as OrtTensor;
        if (!keep.has(name)) {
          wire[name] = await fromOrt(result);
          continue;
        }
        wire[name] = hold(result);
      }
      return wire;
    },

    async release(number) {
      const { session } = hosted(number);
      sessions.delete(number);
      await session.release();
      return undefined;
    },

    async readHeld(number) {
      const { data, ...tensor } = await fromOrt(kept(number));
      return { ...tensor, data: data.slice() };
    },

    dropHeld(number) {
      held.get(number)?.dispose();
      held.delete(number);
      return undefined;
    },

    async place(tensor) {
      return hold(backend === 'webgpu' ? await placeOnGpu(ort, tensor) : toOrt(ort, tensor));
    },
  };
}

/** ONNX Runtime's levels of its log. What goes wrong is thrown; nothing is to be printed as well. */
const [VERBOSE, SILENT] = [0, 4] as const;

interface CreatedSession {
  readonly session: InferenceSession;
  readonly hostOperators: HostOperators;
}

/**
 * Loads a model. What WebGPU lacks, ONNX Runtime puts on the processor and says so in its log alone, at the level that
 * tells everything: for it, a first session is loaded and freed again, as one with that level tells of every kernel
 * that it runs, too.
 */
async function createSession(
  ort: Ort,
  request: LoadRequest,
  ortLog: OrtLog | undefined,
): Promise<CreatedSession> {
  const backend = ortLog === undefined ? 'wasm' : 'webgpu';
  const create = (severity: 0 | 4) =>
    ort.InferenceSession.create(new Uint8Array(request.model), sessionOptions(request, backend, severity));
  if (ortLog === undefined) return { session: await create(SILENT), hostOperators: {} };
  const { value: first, lines } = await ortLog.during(() => create(VERBOSE));
  await first.release();
  return { session: await create(SILENT), hostOperators: hostOperatorsIn(lines) };
}

function sessionOptions(
  request: LoadRequest,
  backend: Backend,
  logSeverityLevel: 0 | 4,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [backend],
    graphOptimizationLevel: request.optimization,
    logSeverityLevel,
    externalData: request.externalData.map(({ path, buffer }) => ({ path, data: new Uint8Array(buffer) })),
    ...(backend === 'webgpu' && {
      preferredOutputLocation: Object.fromEntries(request.keep.map((name) => [name, 'gpu-buffer' as const])),
    }),
  };
}

function describe(value: InferenceSession.ValueMetadata): ValueDescription {
  if (!value.isTensor) return { name: value.name, type: undefined, shape: [] };
  return { name: value.name, type: value.type, shape: value.shape.map(openDimension) };
}

/** onnxruntime-web reads an unknown dimension, -1, as an unsigned number. */
function openDimension(dimension: number | string): number | string | undefined {
  return dimension === 2 ** 32 - 1 || dimension === -1 ? undefined : dimension;
}
