/** What really ran as integers, by the runtime's own profile. */
export interface Coverage {
  /** Shares of the multiply-adds of convolutions and linear layers, over the calls of one image. */
  readonly plannedShare: number;
  /** Of those that ran; undefined where the runtime keeps no profile. */
  readonly integerShare: number | undefined;
  /** Layers that were planned as integers and did not run so. */
  readonly missed: readonly string[];
  /** Of one full call, longest first. */
  readonly operators: readonly { readonly opType: string; readonly ms: number; readonly count: number }[];
}

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
  /** Denoising and decoding, medians over the images, which both made in turn. */
  readonly secondsPerImage: { readonly original: number; readonly optimized: number };
  /** The quotient of the two. */
  readonly speedup: number;
  /** Holds 95 % of resamples; null for fewer than three images, and left out by earlier versions. */
  readonly speedupInterval?: readonly [number, number] | null;
  /** Whether the machine did other things as well while it was timed; left out by earlier versions. */
  readonly busy?: boolean;
  readonly times: { readonly original: ImageTimes; readonly optimized: ImageTimes };
  readonly cacheHits: { readonly full: number; readonly cached: number };
  /** Relative L2 error of the latents after each call, mean over the images. */
  readonly errorPerCall: { readonly corrected: readonly number[]; readonly uncorrected: readonly number[] };
  readonly coverage: Coverage;
}
