import type { Sampler } from '@cachequant/samplers';
import { batchConditioning } from '../conditioning/batch-conditioning.js';
import type { Warn } from '../conditioning/warnings.js';
import type { Conditioning } from '../denoise/denoiser.js';
import { type Guidance, isGuided } from '../denoise/guidance.js';
import type { AskedControl } from './asked-control.js';
import type { GenerationRequest, ImageJob } from './generation-request.js';
import type { GeneratorParts } from './generator-parts.js';
import type { PartOfRun } from './part-of-run.js';
import type { PictureChange } from './picture-change.js';
import type { SampleGeometry } from './sample-geometry.js';

/** What all images of a request have in common. */
export interface ImageRun {
  readonly parts: GeneratorParts;
  readonly request: GenerationRequest;
  readonly sampler: Sampler;
  /** As asked for. */
  readonly guidanceScale: number;
  /** By which the two halves are joined; 1 where there is one half alone. */
  readonly halvesScale: number;
  /** [C, H, W]. */
  readonly shape: readonly [number, number, number];
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly geometry: SampleGeometry;
  /** The picture that is changed. */
  readonly change: PictureChange | undefined;
  /** What a ControlNet is told. */
  readonly control: AskedControl | undefined;
  /** The calls that are made, where another model makes the others. */
  readonly part: PartOfRun | undefined;
  readonly halves?: Guidance['halves'];
  readonly warn: Warn;
  readonly now: () => number;
}

/** Conditioning of images that go through the denoiser together, [B, …]; the second half where there is guidance. */
export async function conditioningOf(
  run: ImageRun,
  jobs: readonly ImageJob[],
): Promise<{ readonly conditioning: Conditioning; readonly unconditional: Conditioning | undefined }> {
  const conditioning = await encodeHalf(run, jobs, 'conditional');
  const guided = isGuided(run.halvesScale);
  return { conditioning, unconditional: guided ? await encodeHalf(run, jobs, 'unconditional') : undefined };
}

async function encodeHalf(
  { parts, request, width, height, guidanceScale, control, warn }: ImageRun,
  jobs: readonly ImageJob[],
  half: 'conditional' | 'unconditional',
): Promise<Conditioning> {
  const { negativePrompt, signal } = request;
  const each: Conditioning[] = [];
  const companions = jobs.flatMap(({ prompt }) => prompt ?? []);
  for (const { prompt, classLabel } of jobs) {
    const asked = { prompt, companions, negativePrompt, classLabel, width, height, guidanceScale, control };
    each.push(await parts.conditioning.encode(asked, half, { warn, signal }));
  }
  return batchConditioning(each);
}
