/** An encoded picture. */
export interface ReportPicture {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The same prompt and seed, by the original and by the bundle. */
export interface PicturePair {
  readonly prompt: string;
  readonly seed: number;
  readonly original: ReportPicture;
  readonly optimized: ReportPicture;
  /** Decibels; Infinity for identical pictures. */
  readonly psnr: number;
  readonly ssim: number;
}

/** One way to run the model, measured on the same seeds as the others. */
export interface ReportRow {
  readonly id: string;
  readonly label: string;
  readonly secondsPerImage: number;
  /** Original's time over this one's. */
  readonly speedup: number;
  readonly denoiserBytes: number;
  readonly totalBytes: number;
  /** Mean over the seeds, in decibels; null for the original itself. */
  readonly psnr: number | null;
  /** Paired 95 % interval of `psnr`. */
  readonly psnrInterval: readonly [number, number] | null;
  readonly ssim: number | null;
}

/** Milliseconds of one image. */
export interface StageTimes {
  readonly textEncoderMs: number;
  readonly calls: readonly { readonly kind: 'float' | 'full' | 'cached'; readonly ms: number }[];
  readonly decoderMs: number;
}

/** A schedule with its correction that was tried, and the PSNR it had. */
export interface ReportCandidate {
  readonly schedule: string;
  readonly correction: string;
  readonly refreshCalls: readonly number[];
  /** Mean over the calibration images, in decibels. */
  readonly psnr: number;
  readonly chosen: boolean;
}

/** A convolution or linear layer that was measured before it was decided. */
export interface ReportLayer {
  readonly id: string;
  readonly kind: string;
  readonly compute: 'integer' | 'float';
  /** Empty where there is nothing to say. */
  readonly reason: string;
  /** Signal to noise in decibels, integer against float on the same inputs. */
  readonly sqnr: number;
  /** Milliseconds in one full call. */
  readonly floatMs: number;
  readonly integerMs: number;
  /** Signal to noise in decibels of the network's prediction with only this layer in integers; of those that add most noise. */
  readonly networkDb?: number | undefined;
}

/** Everything that the report shows. What is left out is not shown. */
export interface ReportData {
  readonly title: string;
  /** ISO date and time. */
  readonly createdAt: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Name and value, in the order to show them: model, sampler, steps, guidance scale, interval, bits, cut, machine, … */
  readonly settings: readonly { readonly name: string; readonly value: string }[];
  readonly rows: readonly ReportRow[];
  readonly times: { readonly original: StageTimes; readonly optimized: StageTimes };
  /** Bytes under denoiser/, item by item: weights, tables, graphs. */
  readonly denoiserItems: readonly { readonly name: string; readonly bytes: number }[];
  readonly sourceDenoiserBytes: number;
  /** Summed L1 distance between the cached tensor of call i and of call i − k: [calls, window (k)] row-major. */
  readonly distances: { readonly calls: number; readonly window: number; readonly distance: Float64Array };
  readonly refreshCalls: readonly number[];
  readonly candidates: readonly ReportCandidate[];
  /** Relative L2 error of the latents after each call against the float trajectory, mean over seeds, [calls]. */
  readonly errorPerCall: { readonly corrected: readonly number[]; readonly uncorrected: readonly number[] };
  /** Calls per image that were computed in full, and from cached features. */
  readonly cacheHits: { readonly full: number; readonly cached: number };
  readonly coverage: {
    /** Share of the multiply-adds of convolutions and linear layers that ran in integer kernels, by the runtime's profile; left out without one. */
    readonly integerShare?: number | undefined;
    readonly plannedShare: number;
    /** Milliseconds by kind of operator in the profiled call, largest first. */
    readonly operators: readonly { readonly opType: string; readonly ms: number; readonly count: number }[];
  };
  /** Left out where nothing was measured of single layers. */
  readonly layers?:
    | {
        readonly measured: readonly ReportLayer[];
        /** Signal to noise in decibels of the network's prediction, and the least that was asked for. */
        readonly networkDb: { readonly allInteger: number; readonly chosen: number };
        readonly floor: number;
      }
    | undefined;
  readonly pictures: readonly PicturePair[];
  /** What was left out, and why. */
  /** What is wrong with the bundle or with what was measured, for the head of the page. */
  readonly warnings?: readonly string[] | undefined;
  readonly leftOut: readonly { readonly what: string; readonly why: string }[];
}
