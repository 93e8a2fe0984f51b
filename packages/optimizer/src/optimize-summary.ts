import {
  type BundleManifest,
  type CacheCorrectionKind,
  mergedMoments,
  type ScheduleKind,
  type Verification,
} from '@cachequant/pipeline/internals';
import type { Choice } from './candidates/choose.js';
import type { ComponentDecision } from './components/component.js';
import type { FloatGraphs, FloatVariant } from './graphs/float-variants.js';
import type { LayerDecision } from './layers/decision.js';
import type { OperatingPoints } from './operating-points/explore.js';
import type { Study } from './study.js';
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
  readonly schedule: ScheduleKind;
  readonly correction: CacheCorrectionKind;
  /** `forecast`: cached calls compute the conditional half alone. */
  readonly guidance: 'computed' | 'forecast';
  readonly refreshSteps: readonly number[];
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

/** What only the end of an optimization knows; the rest of a summary is in the study and the choice. */
interface Finished
  extends Pick<
    OptimizeSummary,
    'manifest' | 'verification' | 'pictures' | 'components' | 'warnings' | 'operatingPoints'
  > {
  readonly floatGraphs: FloatGraphs;
}

/** The plain result of an optimization, without its graphs and observations. */
export function summaryOf(study: Study, choice: Choice, finished: Finished): OptimizeSummary {
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
      refreshSteps: candidate.refreshSteps,
      psnr: candidate.psnr,
      chosen: candidate === choice.chosen,
    })),
    quantizationCorrection: choice.quantization && {
      kind: choice.quantization.kind,
      psnr: choice.quantization.psnr,
      kept: choice.quantizationKept,
    },
    layers: layersOf(study),
    textEncoderMs: study.lab.textEncoderMs,
    distances: mergedMoments(study.features).distanceTable(),
  };
}

function layersOf({ decisions, lab, layerChoice, plan }: Study): MeasuredLayers | undefined {
  const networkDb = (layerChoice ?? plan?.layerChoice)?.networkDb;
  return networkDb && { decisions, networkDb, qualityFloor: lab.recipe.qualityFloor };
}
