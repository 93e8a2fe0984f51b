import type { BundleManifest, CacheCorrectionKind, Verification } from '@cachequant/pipeline';
import { mergedMoments } from '@cachequant/pipeline/internals';
import type { CalibratedModel } from './calibrated-model.js';
import type { Choice } from './candidates/choose-variant.js';
import type { FloatGraphs, FloatVariant } from './candidates/float-variants.js';
import type { ComponentDecision } from './components/component.js';
import type { LayerDecision } from './layers/decision.js';
import type { OperatingPoints } from './operating-points/explore.js';
import type { ScheduleChoice } from './search/schedule-choices.js';
import type { VerifiedPicture } from './verify/verify.js';

/** A finished optimization: the bundle's manifest, what was measured, and what led there. */
export interface OptimizeSummary {
  readonly manifest: BundleManifest;
  readonly verification: Verification;
  readonly pictures: readonly VerifiedPicture[];
  /** Every schedule that was measured on the calibration images; one of them is chosen. */
  readonly candidates: readonly MeasuredCandidate[];
  /** What was tried against the error of integers; undefined in float. */
  readonly quantizationCorrection: MeasuredCorrection | undefined;
  /** Which layers compute in integers; undefined where no layer was measured. */
  readonly layers: MeasuredLayers | undefined;
  /** What became of the decoder and the text encoder; none where they were to stay as they are. */
  readonly components: readonly ComponentDecision[];
  /** The precisions of the kept graphs for backends without integer kernels; bytes also where they were left out. */
  readonly floatGraphs: {
    readonly kept: readonly FloatVariant['precision'][];
    readonly bytes: number;
  };
  readonly textEncoderMs: number;
  /** What the user should know: of the folder, of the prompts it was calibrated with, of the pictures. */
  readonly warnings: readonly string[];
  /** What was measured to keep to a latency or a quality; undefined without such a target. */
  readonly operatingPoints: OperatingPoints | undefined;
  /** Summed L1 distances of the float model's cached tensor, [calls, window]. */
  readonly distances: { readonly calls: number; readonly window: number; readonly distance: Float64Array };
}

/** A schedule with its correction, as it measured on the calibration images. */
export interface MeasuredCandidate {
  readonly schedule: ScheduleChoice;
  readonly correction: CacheCorrectionKind;
  /** `forecast`: cached calls compute the conditional half alone. */
  readonly guidance: 'computed' | 'forecast';
  /** Counted among all calls of the sampler. */
  readonly refreshCalls: readonly number[];
  /** Of the calls that are made; undefined where all of the sampler's are. */
  readonly timesteps: readonly number[] | undefined;
  /** In decibels, one for each calibration image. */
  readonly psnr: readonly number[];
  readonly chosen: boolean;
}

/** A correction of the error of integers, as it measured on the calibration images. */
export interface MeasuredCorrection {
  /** Predictions smoothed over calls or, as in the paper, corrected outputs of the layers that read the cache. */
  readonly kind: 'smoothing' | 'outputs';
  /** With it, in decibels, one for each calibration image. */
  readonly psnr: readonly number[];
  readonly kept: boolean;
}

/** The decisions about layers, and the prediction's signal to noise that they lead to. */
export interface MeasuredLayers {
  readonly decisions: readonly LayerDecision[];
  /** In decibels. */
  readonly networkDb: { readonly allInteger: number; readonly chosen: number };
  /** What the prediction was to keep, in decibels. */
  readonly qualityFloor: number;
}

/** What only the end of an optimization knows; the rest of a summary is in the calibrated model and the choice. */
interface Finished
  extends Pick<
    OptimizeSummary,
    'manifest' | 'verification' | 'pictures' | 'components' | 'warnings' | 'operatingPoints'
  > {
  readonly floatGraphs: FloatGraphs;
}

/** The plain result of an optimization, without its graphs and observations. */
export function summaryOf(calibrated: CalibratedModel, choice: Choice, finished: Finished): OptimizeSummary {
  return {
    ...finished,
    floatGraphs: {
      kept: finished.floatGraphs.kept.map(({ precision }) => precision),
      bytes: finished.floatGraphs.bytes,
    },
    candidates: choice.candidates.map((candidate) => ({
      schedule: candidate.schedule,
      correction: candidate.correction,
      guidance: candidate.variant.cached?.guidance === 'forecast' ? 'forecast' : 'computed',
      refreshCalls: candidate.refreshCalls,
      timesteps: candidate.variant.timesteps,
      psnr: candidate.psnr,
      chosen: candidate === choice.chosen,
    })),
    quantizationCorrection: choice.quantization && {
      kind: choice.quantization.kind,
      psnr: choice.quantization.psnr,
      kept: choice.quantizationKept,
    },
    layers: layersOf(calibrated),
    textEncoderMs: calibrated.context.textEncoderMs,
    distances: mergedMoments(calibrated.features).distanceTable(),
  };
}

function layersOf({ decisions, context, layerChoice, plan }: CalibratedModel): MeasuredLayers | undefined {
  const networkDb = (layerChoice ?? plan?.layerChoice)?.networkDb;
  return networkDb && { decisions, networkDb, qualityFloor: context.recipe.qualityFloor };
}
