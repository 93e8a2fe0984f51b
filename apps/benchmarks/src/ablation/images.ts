import type { RgbImage } from '@cachequant/evaluate';
import {
  batchConditioning,
  type Conditioning,
  conditioningFamily,
  initialNoise,
  type LatentDecoder,
  loadDecoder,
  openConditioning,
  openModelFolder,
  type SampleLatentsOptions,
  sampleLatents,
} from '@cachequant/pipeline';
import { type Runtime, type Storage, tensor } from '@cachequant/tensor';
import { GUIDANCE_SCALE } from './calibrated-models.js';
import type { Contestant } from './contestants.js';

/** Seeds of the held-out images; calibration begins at 1,000,000. */
export const FIRST_SEED = 3_000_000;

const LATENT_DIMS = [4, 16, 16] as const;
const SIZE = { width: 32, height: 32 } as const;
const TEXT_INPUT = { name: 'encoder_hidden_states', dtype: 'float32', dims: [null, null, null] } as const;

/** Makes held-out images: image i has prompt i, from the start again at the end, and seed FIRST_SEED + i. */
export interface ImageMaker {
  readonly promptOf: (image: number) => string;
  /** Images `first` to `first + count`, in one batch; a batch gives the pictures that its images give alone. */
  make(
    loaded: Pick<Contestant, 'sampler'> & { readonly denoiser: Awaited<ReturnType<Contestant['load']>> },
    first: number,
    count: number,
    onStep?: SampleLatentsOptions['onStep'],
  ): Promise<RgbImage[]>;
  dispose(): Promise<void>;
}

export async function createImageMaker(
  runtime: Runtime,
  model: Storage,
  prompts: readonly string[],
  signal: AbortSignal,
): Promise<ImageMaker> {
  const folder = await openModelFolder(model);
  const conditioned = { folder, inputs: [TEXT_INPUT] };
  const encoder = await openConditioning(
    { ...conditioned, family: conditioningFamily(conditioned) },
    runtime,
  );
  const warn = (message: string) => console.warn(message);
  const encode = async (texts: readonly string[]) => {
    const each: Conditioning[] = [];
    for (const prompt of texts) {
      each.push(await encoder.encode({ prompt, ...SIZE }, 'conditional', { warn, signal }));
    }
    return batchConditioning(each);
  };
  const decoder = await loadDecoder(folder, runtime);
  const promptOf = (image: number) => prompts[image % prompts.length]!;
  return {
    promptOf,
    async make({ denoiser, sampler }, first, count, onStep) {
      const images = Array.from({ length: count }, (_, i) => first + i);
      const { latents } = await sampleLatents({
        denoiser,
        sampler,
        ...initialNoise(
          images.map((image) => FIRST_SEED + image),
          LATENT_DIMS,
        ),
        conditioning: await encode(images.map(promptOf)),
        unconditional: await encode(images.map(() => '')),
        guidanceScale: GUIDANCE_SCALE,
        signal,
        ...(onStep && { onStep }),
      });
      return decodeEach(decoder, latents.data, count);
    },
    async dispose() {
      await Promise.all([encoder.dispose(), decoder.dispose()]);
    },
  };
}

async function decodeEach(decoder: LatentDecoder, data: Float32Array, count: number): Promise<RgbImage[]> {
  const size = data.length / count;
  const pictures: RgbImage[] = [];
  for (let i = 0; i < count; i++) {
    const latents = tensor('float32', [1, ...LATENT_DIMS], data.slice(i * size, (i + 1) * size));
    pictures.push((await decoder.decode(latents))[0]!);
  }
  return pictures;
}
