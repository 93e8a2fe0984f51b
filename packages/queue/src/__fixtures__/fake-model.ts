import type { GenerationRequest, GenerationResult } from '@cachequant/pipeline';
import { tensor, throwIfAborted } from '@cachequant/tensor';
import type { WorkerModel } from '../worker/worker-model.js';

export interface FakeModelOptions {
  readonly takesText?: boolean;
  readonly fingerprint?: string;
  readonly warnings?: readonly string[];
  /** Waited for before each network call of each request but the warm-up's. */
  readonly beforeCall?: (call: number, request: GenerationRequest) => Promise<void> | void;
}

/** A model that draws squares of a seed's colour in four network calls, and tells what it was asked. */
export interface FakeModel extends WorkerModel {
  readonly requests: GenerationRequest[];
  /** Requests that were stopped. */
  readonly stopped: GenerationRequest[];
}

const SIDE = 16;
const CALLS = 4;

export function fakeModel(id: string, options: FakeModelOptions = {}): FakeModel {
  const { takesText = true, fingerprint = `${id}-0123456789abcdef` } = options;
  const requests: GenerationRequest[] = [];
  const stopped: GenerationRequest[] = [];
  return {
    identity: { kind: 'bundle', name: id, fingerprint },
    sampler: 'DDIMScheduler',
    requests,
    stopped,
    served: {
      id,
      bytes: 1000,
      created: 1_700_000_000,
      open: async () => ({
        takesText,
        preview: undefined,
        pixelsPerLatent: 8,
        generator: {
          defaults: { steps: CALLS, guidanceScale: 4 },
          async generate(request) {
            if (request.prompt === 'warm up' || !('prompt' in request)) return draw(request, {});
            requests.push(request);
            try {
              return await draw(request, options);
            } catch (error) {
              if (request.signal?.aborted) stopped.push(request);
              throw error;
            }
          },
          async dispose() {},
        },
      }),
    },
  };
}

export function colourOf(seed: number): [number, number, number] {
  return [(seed * 40) % 256, 100, 200];
}

async function draw(request: GenerationRequest, options: FakeModelOptions): Promise<GenerationResult> {
  const { seed = 0 } = request;
  const latents = tensor('float32', [1, 4, 2, 2], new Float32Array(16));
  for (let call = 0; call < CALLS; call++) {
    throwIfAborted(request.signal);
    await options.beforeCall?.(call, request);
    throwIfAborted(request.signal);
    await request.onStep?.({
      ...{ call, calls: CALLS, image: 0, images: 1, timestep: 1000 - call, kind: 'full', ms: 5, latents },
      preview: async () => square([1, 2, 3]),
    });
  }
  const image = { ...square(colourOf(seed)), prompt: request.prompt, seed, latents };
  const run = { images: 1, calls: [], decoderMs: 1, totalMs: 20 };
  return {
    images: [image],
    warnings: options.warnings ?? [],
    timings: { textEncoderMs: 0, runs: [run], totalMs: 20 },
  };
}

function square(colour: readonly number[]) {
  const rgb = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => colour[i % 3]!);
  return { width: SIDE, height: SIDE, rgb };
}
