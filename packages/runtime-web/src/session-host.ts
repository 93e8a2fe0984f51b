import type { DType, Tensor } from '@cachequant/tensor';
import type { SessionDescription, ValueDescription, WireTensor } from '@cachequant/tensor/worker-runtime';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { describeAdapter } from './describe-adapter.js';
import { fromOrt, type Ort, toOrt } from './ort-tensor.js';
import type { Backend, Calls, LoadRequest, StartRequest, StartResponse } from './protocol.js';

interface HostedSession {
  readonly session: InferenceSession;
  readonly keep: ReadonlySet<string>;
}

/** Sessions and kept tensors of one worker; errors are ONNX Runtime's own. */
export interface SessionHost {
  start(request: StartRequest): Promise<StartResponse>;
  load(request: LoadRequest): Promise<SessionDescription>;
  run(request: Calls['run']['request']): Promise<Record<string, WireTensor>>;
  release(session: number): Promise<undefined>;
  readHeld(held: number): Promise<Tensor>;
  dropHeld(held: number): undefined;
}

export function createSessionHost(ort: Ort, backend: Backend): SessionHost {
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
      const options = sessionOptions(request, backend);
      const session = await ort.InferenceSession.create(new Uint8Array(request.model), options);
      const number = ++lastNumber;
      sessions.set(number, { session, keep: new Set(request.keep) });
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
          wire[name] = await fromOrt(result);
          continue;
        }
        held.set(++lastNumber, result);
        wire[name] = { dtype: result.type as DType, dims: [...result.dims], held: lastNumber };
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
  };
}

function sessionOptions(request: LoadRequest, backend: Backend): InferenceSession.SessionOptions {
  return {
    executionProviders: [backend],
    graphOptimizationLevel: request.optimization,
    // What goes wrong is thrown; nothing is to be printed as well.
    logSeverityLevel: 4,
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
