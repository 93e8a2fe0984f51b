import type { RgbImage } from '@cachequant/evaluate';
import { type Tensor, tensor } from '@cachequant/tensor';
import { CONTROL_SCALES } from '../denoise/control-inputs.js';
import type { Guidance } from '../denoise/guidance.js';
import { type CallTiming, type SamplingStep, sampleLatents } from '../denoise/sample-latents.js';
import type { ImageJob } from './generation-request.js';
import { conditioningOf, type ImageRun } from './job-conditioning.js';
import { startingPoint } from './picture-change.js';

/** A picture with the prompt and the seed that it was made from, and its latents. */
export interface GeneratedImage extends RgbImage {
  readonly prompt: string | undefined;
  readonly classLabel?: number;
  readonly seed: number;
  /** [1, C, h, w], as the sampler left them. */
  readonly latents: Tensor<'float32'>;
}

/** How long it took to make the images of one run. */
export interface RunTiming {
  readonly images: number;
  readonly calls: readonly CallTiming[];
  readonly decoderMs: number;
  readonly totalMs: number;
}

/** Makes images together: noise, network calls, decoder. */
export async function runImages(
  run: ImageRun,
  jobs: readonly ImageJob[],
  first: number,
  total: number,
): Promise<{ images: GeneratedImage[]; timing: RunTiming }> {
  const { parts, request, sampler, shape, geometry, change, control, part, now } = run;
  const { signal, onStep } = request;
  const startMs = now();
  const { further, ...start } = startingPoint(jobs, shape, geometry, change);
  const { conditioning, unconditional } = await conditioningOf(run, jobs);
  const { latents, calls } = await sampleLatents({
    denoiser: parts.denoiser,
    sampler,
    ...start,
    ...(part?.latents && {
      picture: { firstCall: part.firstCall, clean: part.latents, begin: 'latents' as const },
    }),
    endCall: part?.endCall,
    guidanceScale: run.halvesScale,
    conditioning: { ...conditioning, ...further },
    unconditional: unconditional && { ...unconditional, ...further },
    halves: halvesFor(run),
    window: control && { inputs: [CONTROL_SCALES], start: control.start, end: control.end },
    signal,
    now,
    ...(onStep && {
      onStep: (step: SamplingStep) =>
        onStep({
          ...step,
          image: first,
          images: total,
          preview: async () => {
            const decoder = await parts.previewDecoder();
            return (await decoder.decode(imageOf(step.latents, 0), signal))[0]!;
          },
        }),
    }),
  });
  const decoderStartMs = now();
  const images: GeneratedImage[] = [];
  for (const [i, job] of jobs.entries()) {
    const own = imageOf(latents, i);
    const [picture] = await parts.decoder.decode(own, signal);
    images.push({ ...picture!, ...job, latents: own });
  }
  const endMs = now();
  const timing = { images: jobs.length, calls, decoderMs: endMs - decoderStartMs, totalMs: endMs - startMs };
  return { images, timing };
}

/** A graph whose batch is fixed to one image cannot take both halves at once. */
function halvesFor({ parts, halves }: ImageRun): Guidance['halves'] {
  return parts.denoiser.sampleInput.dims[0] === 1 ? 'one-by-one' : (halves ?? 'together');
}

function imageOf({ dims, data }: Tensor<'float32'>, image: number): Tensor<'float32'> {
  const size = data.length / dims[0]!;
  return tensor('float32', [1, ...dims.slice(1)], data.slice(image * size, (image + 1) * size));
}
