import { randomFillSync } from 'node:crypto';
import type { GenerationRequest, GenerationResult, RgbImage } from '@cachequant/pipeline';
import { CacheQuantError, tensor, throwIfAborted } from '@cachequant/tensor';
import type { LoadedModel, ServedModel } from '../models/served-model.js';

export interface FakeModelOptions {
  readonly bytes?: number;
  readonly calls?: number;
  readonly takesText?: boolean;
  /** Without it, unfinished pictures come from the decoder. */
  readonly preview?: LoadedModel['preview'];
  readonly warnings?: readonly string[];
  /** Waited for before each network call of each request but the warm-up's. */
  readonly beforeCall?: (call: number, request: GenerationRequest) => Promise<void> | void;
  /** Draws what cannot be compressed. */
  readonly noise?: boolean;
  readonly open?: () => void;
}

/** A model that draws squares of one colour, and tells what happened to it. */
export interface FakeModel extends ServedModel {
  readonly requests: GenerationRequest[];
  readonly opened: () => number;
  readonly disposed: () => number;
}

const [LATENTS, FACTOR] = [2, 8];
const SIDE = LATENTS * FACTOR;

/** Latent channels as they are, as colours. */
const PLAIN_PREVIEW = [
  [1, 0, 0, 0, 0],
  [0, 1, 0, 0, 0],
  [0, 0, 1, 0, 0],
];

export function fakeModel(id: string, options: FakeModelOptions = {}): FakeModel {
  const { bytes = 1000, takesText = true } = options;
  const requests: GenerationRequest[] = [];
  let [opened, disposed] = [0, 0];
  return {
    id,
    bytes,
    created: 1_700_000_000,
    requests,
    opened: () => opened,
    disposed: () => disposed,
    async open() {
      options.open?.();
      opened += 1;
      return {
        takesText,
        preview: 'preview' in options ? options.preview : PLAIN_PREVIEW,
        pixelsPerLatent: FACTOR,
        generator: {
          defaults: { steps: 4, guidanceScale: 4 },
          async generate(request) {
            if (request.prompt !== 'warm up') requests.push(request);
            return draw(request, options);
          },
          async dispose() {
            disposed += 1;
          },
        },
      };
    },
  };
}

/** The colour of a seed's picture. */
export function colourOf(seed: number): [number, number, number] {
  return [(seed * 40) % 256, 100, 200];
}

async function draw(request: GenerationRequest, options: FakeModelOptions): Promise<GenerationResult> {
  const { seed = 0, width = SIDE, height = SIDE, steps = options.calls ?? 4 } = request;
  if (width % FACTOR !== 0) {
    throw new CacheQuantError('invalid-argument', 'the model cannot make this size', { where: 'width' });
  }
  const data = Float32Array.from({ length: 4 * LATENTS * LATENTS }, (_, i) => (i < 4 ? 50 : 150));
  const latents = tensor('float32', [1, 4, LATENTS, LATENTS], data);
  for (let call = 0; call < steps; call++) {
    throwIfAborted(request.signal);
    if (request.prompt !== 'warm up') await options.beforeCall?.(call, request);
    throwIfAborted(request.signal);
    const kind = call % 2 === 0 ? 'full' : 'cached';
    await request.onStep?.({
      call,
      calls: steps,
      image: 0,
      images: 1,
      timestep: 1000 - call,
      kind,
      ms: 5,
      latents,
      preview: async () => square(SIDE, SIDE, [1, 2, 3]),
    });
  }
  const picture = square(width, height, colourOf(seed));
  if (options.noise) randomFillSync(picture.rgb);
  const image = { ...picture, prompt: request.prompt, seed, latents };
  const run = { images: 1, calls: [], decoderMs: 1, totalMs: 20 };
  return {
    images: [image],
    warnings: options.warnings ?? [],
    timings: { textEncoderMs: 0, runs: [run], totalMs: 20 },
  };
}

function square(width: number, height: number, colour: readonly number[]): RgbImage {
  const rgb = Uint8Array.from({ length: width * 3 }, (_, i) => colour[i % 3]!);
  const rows = new Uint8Array(rgb.length * height);
  for (let row = 0; row < height; row++) rows.set(rgb, row * rgb.length);
  return { width, height, rgb: rows };
}
