import type { Denoiser } from '../generate/denoiser.js';
import { floatDenoiser } from '../generate/float-denoiser.js';
import type { RgbImage } from '../images/rgb-image.js';
import { loadGraph } from '../model/load-graph.js';
import type { ModelFolder } from '../model/model-folder.js';
import type { Candidate } from './candidate.js';
import { type Coverage, measureCoverage } from './coverage.js';
import { compareWith, type MeasuredImage, measureImage, relativeErrors } from './measure.js';
import { interval95, meanOf, medianOf } from './statistics.js';
import type { Study } from './study.js';
import { loadVariant, type Variant } from './variant.js';

/** Milliseconds of one image, medians over the images. */
export interface ImageTimes {
  readonly calls: readonly { readonly kind: 'float' | 'full' | 'cached'; readonly ms: number }[];
  readonly decoderMs: number;
}

/** What was measured on held-out prompts and seeds. */
export interface Verification {
  readonly images: number;
  readonly psnr: number;
  readonly psnrInterval: readonly [number, number];
  readonly ssim: number;
  readonly secondsPerImage: { readonly original: number; readonly optimized: number };
  readonly speedup: number;
  readonly times: { readonly original: ImageTimes; readonly optimized: ImageTimes };
  readonly cacheHits: { readonly full: number; readonly cached: number };
  /** Relative L2 error of the latents after each call, mean over the images. */
  readonly errorPerCall: { readonly corrected: readonly number[]; readonly uncorrected: readonly number[] };
  readonly coverage: Coverage;
}

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

/**
 * Runs held-out images through the source model and the optimized one, in turn, so that a machine whose speed
 * drifts slows both.
 * @param uncorrected the same schedule with plain reuse, for the error per call
 */
export async function verify(
  study: Study,
  folder: ModelFolder,
  variant: Variant,
  uncorrected: Candidate | undefined,
): Promise<VerificationResult> {
  const { lab } = study;
  const denoisers = {
    original: floatDenoiser(await loadGraph(lab.runtime, folder.storage, folder.denoiser.model)),
    optimized: await loadVariant(lab, variant),
    uncorrected: uncorrected && (await loadVariant(lab, uncorrected.variant)),
  };
  const images = lab.verification.slice(0, lab.recipe.verificationImages);
  const runs: Run[] = [];
  try {
    await warmUp(study, [denoisers.original, denoisers.optimized]);
    for (const [i, image] of images.entries()) {
      lab.onProgress?.({ stage: 'verify', done: i, total: images.length });
      const before = denoisers.optimized.stats;
      const original = await measureImage(lab, denoisers.original, image, { keepTrajectory: true });
      const optimized = await measureImage(lab, denoisers.optimized, image, { keepTrajectory: true });
      const after = denoisers.optimized.stats;
      const plain =
        denoisers.uncorrected &&
        (await measureImage(lab, denoisers.uncorrected, image, { keepTrajectory: true }));
      runs.push({
        original,
        optimized,
        plain,
        full: after.fullCalls - before.fullCalls,
        cached: after.cachedCalls - before.cachedCalls,
      });
    }
    lab.onProgress?.({ stage: 'verify', done: runs.length, total: runs.length });
  } finally {
    await Promise.all(
      [denoisers.original, denoisers.optimized, denoisers.uncorrected].map((each) => each?.dispose()),
    );
  }
  const quality = compareWith(
    runs.map((run) => run.original.picture),
    runs.map((run) => run.optimized.picture),
  );
  const coverage = await measureCoverage(study, variant);
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

interface Run {
  readonly original: MeasuredImage;
  readonly optimized: MeasuredImage;
  readonly plain: MeasuredImage | undefined;
  readonly full: number;
  readonly cached: number;
}

async function warmUp(study: Study, denoisers: readonly Denoiser[]): Promise<void> {
  for (const denoiser of denoisers) await measureImage(study.lab, denoiser, study.lab.calibration[0]!);
}

function summarize(
  runs: readonly Run[],
  psnr: readonly number[],
  ssim: readonly number[],
  coverage: Coverage,
): Verification {
  const seconds = (pick: (run: Run) => MeasuredImage) => medianOf(runs.map((run) => pick(run).seconds));
  const original = seconds((run) => run.original);
  const optimized = seconds((run) => run.optimized);
  const finite = psnr.map((value) => Math.min(value, 100));
  return {
    images: runs.length,
    psnr: meanOf(finite),
    psnrInterval: interval95(finite),
    ssim: meanOf(ssim),
    secondsPerImage: { original, optimized },
    speedup: medianOf(runs.map((run) => run.original.seconds / run.optimized.seconds)),
    times: {
      original: timesOf(runs.map((run) => run.original)),
      optimized: timesOf(runs.map((run) => run.optimized)),
    },
    cacheHits: { full: runs[0]?.full ?? 0, cached: runs[0]?.cached ?? 0 },
    errorPerCall: {
      corrected: meanErrors(
        runs.map((run) => relativeErrors(run.optimized.trajectory, run.original.trajectory)),
      ),
      uncorrected: meanErrors(
        runs.flatMap((run) =>
          run.plain ? [relativeErrors(run.plain.trajectory, run.original.trajectory)] : [],
        ),
      ),
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

function meanErrors(errors: readonly (readonly number[])[]): number[] {
  return (errors[0] ?? []).map((_, call) => meanOf(errors.map((each) => each[call]!)));
}
