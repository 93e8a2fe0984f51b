import type { Denoiser } from '../generate/denoiser.js';
import { floatDenoiser } from '../generate/float-denoiser.js';
import type { RgbImage } from '../images/rgb-image.js';
import { loadGraph } from '../model/load-graph.js';
import type { ModelFolder } from '../model/model-folder.js';
import type { Candidate } from './candidate.js';
import { type Coverage, measureCoverage } from './coverage.js';
import type { Laboratory, PreparedImage } from './laboratory.js';
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
  const images = lab.verification.slice(0, lab.recipe.verificationImages);
  const loaded: Denoiser[] = [];
  const keep = (denoiser: Denoiser): Denoiser => {
    loaded.push(denoiser);
    return denoiser;
  };
  const runs: Run[] = [];
  try {
    const source = await loadGraph(lab.runtime, folder.storage, folder.denoiser.model);
    const original = keep(floatDenoiser(source));
    const optimized = keep(await loadVariant(lab, variant));
    const plain = uncorrected && keep(await loadVariant(lab, uncorrected.variant));
    for (const denoiser of [original, optimized]) await measureImage(lab, denoiser, lab.calibration[0]!);
    for (const [done, image] of images.entries()) {
      lab.onProgress?.({ stage: 'verify', done, total: images.length });
      runs.push(await runImage(lab, image, { original, optimized, plain }));
    }
    lab.onProgress?.({ stage: 'verify', done: runs.length, total: runs.length });
  } finally {
    await Promise.all(loaded.map((denoiser) => denoiser.dispose()));
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

async function runImage(
  lab: Laboratory,
  image: PreparedImage,
  denoisers: { original: Denoiser; optimized: Denoiser; plain: Denoiser | undefined },
): Promise<Run> {
  const measure = (denoiser: Denoiser) => measureImage(lab, denoiser, image, { keepTrajectory: true });
  const before = denoisers.optimized.stats;
  const original = await measure(denoisers.original);
  const optimized = await measure(denoisers.optimized);
  const after = denoisers.optimized.stats;
  return {
    original,
    optimized,
    plain: denoisers.plain && (await measure(denoisers.plain)),
    full: after.fullCalls - before.fullCalls,
    cached: after.cachedCalls - before.cachedCalls,
  };
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
