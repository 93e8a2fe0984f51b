import type { RgbImage } from '@cachequant/evaluate';
import {
  batchConditioning,
  type Conditioning,
  conditioningFamily,
  floatDenoiser,
  initialNoise,
  type LatentDecoder,
  loadDecoder,
  loadGraph,
  openConditioning,
  openModelFolder,
  type SampleLatentsOptions,
  sampleLatents,
} from '@cachequant/pipeline';
import { type Runtime, tensor } from '@cachequant/tensor';
import type { Contestant } from './contestants.js';
import type { OpenedModel } from './model.js';
import type { AblationModel, Subject } from './models/ablation-model.js';

/** Seeds of the held-out images; calibration begins at 1,000,000. */
export const FIRST_SEED = 3_000_000;

/** Makes held-out images: image i shows subject i, from the start again at the end, and has seed FIRST_SEED + i. */
export interface ImageMaker {
  readonly captionOf: (image: number) => string;
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
  { model, source, embedsGuidance }: OpenedModel,
  subjects: readonly Subject[],
  signal: AbortSignal,
): Promise<ImageMaker> {
  const folder = await openModelFolder(source);
  const conditioned = { folder, inputs: await conditioningInputs(runtime, folder) };
  const encoder = await openConditioning(
    { ...conditioned, family: conditioningFamily(conditioned) },
    runtime,
  );
  const size = { width: model.pictureSize, height: model.pictureSize };
  const scale = embedsGuidance && { guidanceScale: model.guidanceScale };
  const warn = (message: string) => console.warn(message);
  const isGuided = model.guidanceScale > 1 && !embedsGuidance;
  const encode = async (shown: readonly Subject[], half: 'conditional' | 'unconditional') => {
    const each: Conditioning[] = [];
    for (const { prompt, classLabel } of shown) {
      const label = classLabel !== undefined && { classLabel };
      each.push(await encoder.encode({ prompt, ...label, ...size, ...scale }, half, { warn, signal }));
    }
    return batchConditioning(each);
  };
  const decoder = await loadDecoder(folder, runtime);
  const subjectOf = (image: number) => subjects[image % subjects.length]!;
  return {
    captionOf: (image) => subjectOf(image).caption,
    async make({ denoiser, sampler }, first, count, onStep) {
      const images = Array.from({ length: count }, (_, i) => first + i);
      const shown = images.map(subjectOf);
      const { latents } = await sampleLatents({
        denoiser,
        sampler,
        ...initialNoise(
          images.map((image) => FIRST_SEED + image),
          model.latentDims,
        ),
        conditioning: await encode(shown, 'conditional'),
        ...(isGuided && {
          unconditional: await encode(shown, 'unconditional'),
          guidanceScale: model.guidanceScale,
        }),
        signal,
        ...(onStep && { onStep }),
      });
      return decodeEach(model, decoder, latents.data);
    },
    async dispose() {
      await Promise.all([encoder.dispose(), decoder.dispose()]);
    },
  };
}

/** What the denoiser takes beside sample and time. */
async function conditioningInputs(
  runtime: Runtime,
  { storage, denoiser }: Awaited<ReturnType<typeof openModelFolder>>,
): Promise<ReturnType<typeof floatDenoiser>['conditioningInputs']> {
  const loaded = floatDenoiser(await loadGraph(runtime, storage, denoiser.model));
  await loaded.dispose();
  return loaded.conditioningInputs;
}

async function decodeEach(
  { latentDims }: AblationModel,
  decoder: LatentDecoder,
  data: Float32Array,
): Promise<RgbImage[]> {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const pictures: RgbImage[] = [];
  for (let at = 0; at < data.length; at += size) {
    const latents = tensor('float32', [1, ...latentDims], data.slice(at, at + size));
    pictures.push((await decoder.decode(latents))[0]!);
  }
  return pictures;
}
