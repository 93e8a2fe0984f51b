import type { RgbImage } from '@cachequant/evaluate';
import { interval95, meanOf, medianOf, relativeErrors, speedOf } from '@cachequant/evaluate';
import {
  type Coverage,
  type Denoiser,
  floatDenoiser,
  type ImageTimes,
  loadGraph,
  type ModelFolder,
  type Verification,
} from '@cachequant/pipeline';
import type { Sampler } from '@cachequant/samplers';
import type { CalibratedModel } from '../calibrated-model.js';
import type { CalibrationContext, PreparedImage } from '../calibration-context.js';
import type { Candidate } from '../candidates/candidate.js';
import { loadVariant, samplerOf, type Variant } from '../candidates/variant.js';
import { type BundleParts, openParts } from '../components/bundle-parts.js';
import type { ComponentDecision } from '../components/component.js';
import { modelFiles } from '../prepare/model-files.js';
import { denoiserBytes } from '../write/bundle-files.js';
import { measureCoverage } from './coverage.js';
import { compareWith, type MeasuredImage, measureImage } from './measure-image.js';
import { type Contestant, verificationOrder } from './verification-order.js';

/** Pictures of the first images, for people. */
export interface VerifiedPicture {
  readonly prompt: string;
  readonly seed: number;
  readonly original: RgbImage;
  readonly optimized: RgbImage;
  readonly psnr: number;
  readonly ssim: number;
}

export interface VerificationResult {
  readonly verification: Verification;
  readonly pictures: readonly VerifiedPicture[];
}

/** A float denoiser beyond this size is never in memory together with another one. */
const APART_BYTES = 512 * 2 ** 20;

/**
 * Runs held-out images through the source model and the optimized one, in an order by which a machine whose
 * speed drifts slows both.
 */
export async function verify(
  calibrated: CalibratedModel,
  folder: ModelFolder,
  variant: Variant,
  { plain, components, original }: VerifiedWith,
): Promise<VerificationResult> {
  const { context } = calibrated;
  const images = context.verification.slice(0, context.recipe.verificationImages);
  const parts = await openParts(context, folder, components);
  let runs: Run[];
  try {
    runs = await runAll(context, images, folder, {
      optimized: variant,
      plain: plain?.variant,
      parts,
      original,
    });
  } finally {
    await parts.dispose();
  }
  const quality = compareWith(
    runs.map((run) => run.original.picture),
    runs.map((run) => run.optimized.picture),
  );
  const coverage = await measureCoverage(calibrated, variant);
  const verification = summarize(runs, quality.psnr, quality.ssim, coverage);
  const pictures = runs.map((run, i) => ({
    prompt: images[i]!.prompt,
    seed: images[i]!.seed,
    original: run.original.picture,
    optimized: run.optimized.picture,
    psnr: quality.psnr[i]!,
    ssim: quality.ssim[i]!,
  }));
  return { verification, pictures };
}

/** What goes into a verification beyond the bundle's denoiser. */
export interface VerifiedWith {
  /** The same schedule with plain reuse, for the error per call. */
  readonly plain: Candidate | undefined;
  /** How the original samples, where the bundle samples in another way. */
  readonly original?: Sampler | undefined;
  /** The optimized model decodes and encodes with these. */
  readonly components: readonly ComponentDecision[];
}

interface Run {
  readonly original: MeasuredImage;
  readonly optimized: MeasuredImage;
  readonly plain: MeasuredImage | undefined;
  /** Calls of the optimized denoiser by how they were computed. */
  readonly full: number;
  readonly cached: number;
}

interface RunRequest {
  readonly optimized: Variant;
  readonly plain: Variant | undefined;
  readonly parts: BundleParts;
  readonly original: Sampler | undefined;
}

async function runAll(
  context: CalibrationContext,
  images: readonly PreparedImage[],
  folder: ModelFolder,
  { optimized, plain, parts, original = context.sampler }: RunRequest,
): Promise<Run[]> {
  const bytes = await denoiserBytes(folder.storage, await modelFiles(folder));
  const apart = bytes > APART_BYTES;
  const loaded = new Map<Contestant, Denoiser>();
  const load: Record<Contestant, () => Promise<Denoiser>> = {
    original: async () =>
      floatDenoiser(await loadGraph(context.runtime, folder.storage, folder.denoiser.model)),
    optimized: () => loadVariant(context, optimized),
    plain: () => loadVariant(context, plain!),
  };
  const samplers: Record<Contestant, Sampler> = {
    original,
    optimized: samplerOf(context, optimized),
    plain: samplerOf(context, plain ?? optimized),
  };
  const free = async (): Promise<void> => {
    const denoisers = [...loaded.values()];
    loaded.clear();
    await Promise.all(denoisers.map((denoiser) => denoiser.dispose()));
  };
  const denoiserOf = async (contestant: Contestant): Promise<Denoiser> => {
    const known = loaded.get(contestant);
    if (known) return known;
    if (apart) await free();
    const denoiser = await load[contestant]();
    loaded.set(contestant, denoiser);
    const sampler = samplers[contestant];
    if (!apart && contestant !== 'plain')
      await measureImage(context, denoiser, context.calibration[0]!, { sampler });
    return denoiser;
  };
  const made = images.map(() => new Map<Contestant, MeasuredImage>());
  const counts = images.map(() => ({ full: 0, cached: 0 }));
  const contestants: Contestant[] = ['original', 'optimized', ...(plain ? (['plain'] as const) : [])];
  const order = verificationOrder(images.length, contestants, apart);
  try {
    for (const [done, { contestant, image }] of order.entries()) {
      context.onProgress?.(done, order.length);
      const denoiser = await denoiserOf(contestant);
      const before = denoiser.stats;
      const sampler = samplers[contestant];
      const [place, given] =
        contestant === 'original'
          ? [context, images[image]!]
          : [{ ...context, toPicture: parts.toPicture }, await parts.encode(images[image]!)];
      made[image]!.set(
        contestant,
        await measureImage(place, denoiser, given, { keepTrajectory: true, sampler }),
      );
      if (contestant !== 'optimized') continue;
      const { fullCalls, cachedCalls } = denoiser.stats;
      counts[image] = { full: fullCalls - before.fullCalls, cached: cachedCalls - before.cachedCalls };
    }
    context.onProgress?.(order.length, order.length);
  } finally {
    await free();
  }
  return made.map((by, image) => ({
    original: by.get('original')!,
    optimized: by.get('optimized')!,
    plain: by.get('plain'),
    ...counts[image]!,
  }));
}

/** What the runs amount to; apart from `verify`, so that its numbers can be checked against given times. */
export function summarize(
  runs: readonly Run[],
  psnr: readonly number[],
  ssim: readonly number[],
  coverage: Coverage,
): Verification {
  const { seconds, speedup, interval, busy } = speedOf(
    runs.map((run) => run.original.seconds),
    runs.map((run) => run.optimized.seconds),
  );
  const finite = psnr.map((value) => Math.min(value, 100));
  return {
    images: runs.length,
    psnr: meanOf(finite),
    psnrInterval: interval95(finite),
    ssim: meanOf(ssim),
    secondsPerImage: seconds,
    speedup,
    speedupInterval: interval,
    busy,
    times: {
      original: timesOf(runs.map((run) => run.original)),
      optimized: timesOf(runs.map((run) => run.optimized)),
    },
    cacheHits: { full: runs[0]?.full ?? 0, cached: runs[0]?.cached ?? 0 },
    errorPerCall: {
      corrected: meanErrors(runs.map((run) => errorsOf(run.optimized, run.original))),
      uncorrected: meanErrors(runs.flatMap((run) => (run.plain ? [errorsOf(run.plain, run.original)] : []))),
    },
    coverage,
  };
}

function timesOf(images: readonly MeasuredImage[]): ImageTimes {
  return {
    calls: images[0]!.calls.map(({ kind }, call) => ({
      kind,
      ms: medianOf(images.map((image) => image.calls[call]!.ms)),
    })),
    decoderMs: medianOf(images.map((image) => image.decoderMs)),
  };
}

/** Call by call; nothing where the original makes other calls. */
function errorsOf({ trajectory }: MeasuredImage, original: MeasuredImage): number[] {
  return trajectory.length === original.trajectory.length
    ? relativeErrors(trajectory, original.trajectory)
    : [];
}

function meanErrors(errors: readonly (readonly number[])[]): number[] {
  return (errors[0] ?? []).map((_, call) => meanOf(errors.map((each) => each[call]!)));
}
