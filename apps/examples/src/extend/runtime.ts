import { createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import type { Runtime, Session } from '@cachequant/tensor';

/** Counts the runs of another runtime, and measures their milliseconds. */
export interface MeteredRuntime extends Runtime {
  readonly meter: { runs: number; ms: number };
}

/**
 * A runtime on top of another. One of its own has the same members, over another engine than ONNX Runtime; every one
 * passes the suite that `@cachequant/tensor/testing` exports.
 */
export function meteredRuntime(inner: Runtime): MeteredRuntime {
  const meter = { runs: 0, ms: 0 };
  return {
    name: `metered ${inner.name}`,
    version: inner.version,
    threads: inner.threads,
    meter,
    capabilities: () => inner.capabilities(),
    load: async (source, options) => metered(await inner.load(source, options), meter),
    ...(inner.place && { place: inner.place.bind(inner) }),
    dispose: () => inner.dispose(),
  };
}

function metered(session: Session, meter: MeteredRuntime['meter']): Session {
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    async run(feeds, options) {
      const start = performance.now();
      const outputs = await session.run(feeds, options);
      meter.runs += 1;
      meter.ms += performance.now() - start;
      return outputs;
    },
    endProfiling: () => session.endProfiling(),
    dispose: () => session.dispose(),
  };
}

const [model = 'models/fashion-sd'] = process.argv.slice(2);
export const runtime = meteredRuntime(await createNodeRuntime());
const generator = await createGenerator({ storage: nodeStorage(model), runtime });
await generator.generate({ prompt: 'a photo of a red sneaker', steps: 4, guidanceScale: 4 });
console.log(`${runtime.meter.runs} runs in ${runtime.meter.ms.toFixed(0)} ms`);
await generator.dispose();
await runtime.dispose();
