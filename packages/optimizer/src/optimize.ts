import type { ConditioningFamily } from '@cachequant/pipeline';
import type { Sampler } from '@cachequant/samplers';
import type { Runtime, Storage } from '@cachequant/tensor';
import { type CalibratedModel, calibrateModel } from './calibrated-model.js';
import { type Choice, chooseVariant } from './candidates/choose-variant.js';
import { chooseFloatVariants, makeFloatVariants } from './candidates/float-variants.js';
import { atInterval, inFloat } from './candidates/model-variants.js';
import { optimizeComponents } from './components/optimize-components.js';
import type { DecisionRecord } from './decision-record.js';
import { refuseTarget } from './observe-shard.js';
import {
  exploreOperatingPoints,
  type OperatingPoints,
  openPoint,
  targetOf,
} from './operating-points/explore.js';
import type { OperatingTarget } from './operating-points/operating-point.js';
import { type OptimizeSummary, summaryOf } from './optimize-summary.js';
import type { CalibrationFeeds } from './prepare/calibration-feeds.js';
import type { ControlImages } from './prepare/control-images.js';
import type { GivenConditioning } from './prepare/given-conditioning.js';
import { type OpenCalibrationContext, openCalibrationContext } from './prepare/open-calibration-context.js';
import type { OptimizeOptions } from './recipe.js';
import { makeSizes } from './sizes/make-sizes.js';
import { measureOffCalibration } from './verify/measure-off-calibration.js';
import { verificationWarnings } from './verify/verification-warnings.js';
import { verify } from './verify/verify.js';
import { ownWork } from './work/own-work.js';
import type { StageObserver } from './work/stage-runner.js';
import { requireBundlePlace } from './write/bundle-place.js';
import { type BundleRequest, writeBundle } from './write/write-bundle.js';

/** What {@link optimize} takes: the model, a work folder, the bundle's folder, a runtime, and options. */
export interface OptimizeRequest extends StageObserver, BundleRequest {
  /** The model folder. */
  readonly source: Storage;
  /** Intermediate results; a stopped run goes on from what it finds here. */
  readonly work: Storage;
  readonly runtime: Runtime;
  readonly options?: OptimizeOptions;
  /** For a denoiser whose folder has no text encoder. */
  readonly conditioning?: GivenConditioning;
  /** For a model with a ControlNet, which needs them: what it follows while the bundle is calibrated. */
  readonly controlImages?: ControlImages;
  /** Families of models beyond those that are known; of one that is data (`recipeFamily`) the bundle needs it no more. */
  readonly families?: readonly ConditioningFamily[];
  /** What calibration images are conditioned on, in place of what the model's family says: recorded in use, say. */
  readonly feeds?: CalibrationFeeds;
  /**
   * Of an earlier bundle of the same model, as `parseDecisionRecord` reads it: its options hold and its decisions stand in for
   * measurements, so that everything under denoiser/ comes out the same.
   */
  readonly plan?: DecisionRecord;
  /**
   * Work folders of `observeShard`, of all shards and with the same options: what they observed is taken in place of
   * observing here.
   */
  readonly shards?: readonly Storage[];
  /** Called with what is in the summary's `warnings`, as it comes up. */
  readonly onWarning?: (warning: string) => void;
}

/** An optimization with what it was measured on, for comparisons that go on from there. */
export interface OptimizationWithModel {
  readonly summary: OptimizeSummary;
  readonly calibrated: CalibratedModel;
  readonly choice: Choice;
}

/**
 * Makes a bundle of a model: cuts, observes, quantizes, plans, corrects and verifies. Every stage that was
 * finished in an earlier attempt with the same model and options is read back from the work folder.
 *
 * Source: Liu et al., CacheQuant, CVPR 2025, https://arxiv.org/abs/2503.01323. Differs: integers that run as
 * integers, a forecast from two refreshes, and the schedule that measured best.
 * @throws CacheQuantError saying what in the model, the options or the storage stands in the way; `aborted`
 * within one network call after the signal
 */
export async function optimize(request: OptimizeRequest): Promise<OptimizeSummary> {
  return (await optimizeKeepingModel(request)).summary;
}

/** {@link optimize}, with the calibrated model that it was made from. */
export async function optimizeKeepingModel(request: OptimizeRequest): Promise<OptimizationWithModel> {
  // A plan has chosen its point; options that ask for another contradict it.
  const target = request.plan ? undefined : targetOf(request.options);
  if (request.shards) refuseTarget(request);
  if (target) return optimizeTowards(target, request);
  const opened = await openCalibrationContext(request);
  try {
    return await optimizeIn(opened, request);
  } finally {
    await opened.dispose();
  }
}

/** Several contexts work side by side in the folder, which is this run's alone meanwhile. */
async function optimizeTowards(
  target: OperatingTarget,
  request: OptimizeRequest,
): Promise<OptimizationWithModel> {
  const lock = await request.work.lock('points');
  try {
    const own = { ...request, work: await ownWork(request.work) };
    return await optimizeFor(await exploreOperatingPoints(own, target), own);
  } finally {
    await lock.release();
  }
}

/** Makes the bundle of the point that was chosen, with what was measured to choose it. */
async function optimizeFor(
  points: OperatingPoints,
  request: OptimizeRequest,
): Promise<OptimizationWithModel> {
  const { chosen, original } = points;
  const opened = await openPoint(request, chosen.setting);
  try {
    const { steps, name } = opened.context.sampler;
    const samplesAlike = steps === original.steps && name === original.name;
    return await optimizeIn(opened, request, {
      changes: (calibrated) =>
        atInterval(
          chosen.bits === 'none' && calibrated.integers ? inFloat(calibrated) : calibrated,
          chosen.interval,
        ),
      original: samplesAlike ? undefined : original,
      operatingPoints: points,
    });
  } finally {
    await opened.dispose();
  }
}

/** How the bundle differs from what the calibration context's recipe says, when an operating point was chosen. */
export interface ChosenOperation {
  readonly changes: (calibrated: CalibratedModel) => CalibratedModel;
  /** The sampler that the original is verified with; left out: that of the bundle. */
  readonly original: Sampler | undefined;
  readonly operatingPoints: OperatingPoints;
}

/**
 * `optimize` in a calibration context that is open already, and stays so: for comparisons that go on from the calibrated model it gives.
 * @param request what the calibration context was opened with, and where the bundle goes
 * @throws CacheQuantError `storage` while another run makes a bundle there
 */
export async function optimizeIn(
  opened: OpenCalibrationContext,
  request: OptimizeRequest,
  operation?: ChosenOperation,
): Promise<OptimizationWithModel> {
  const lock = await request.out.lock(BUNDLE_LOCK);
  try {
    return await optimizeLocked(opened, request, operation);
  } finally {
    await lock.release();
  }
}

/** Held by whoever makes a bundle in a folder. */
const BUNDLE_LOCK = 'bundle';

async function optimizeLocked(
  opened: OpenCalibrationContext,
  request: OptimizeRequest,
  operation: ChosenOperation | undefined,
): Promise<OptimizationWithModel> {
  await requireBundlePlace(request.out);
  const { runner, prepared, inputDims, plan } = opened;
  const whole = await calibrateModel(opened.context, runner, {
    inputDims,
    model: prepared.model,
    plan,
    shards: request.shards,
  });
  const calibrated = operation ? operation.changes(whole) : whole;
  const { context } = calibrated;
  const operatingPoints = operation?.operatingPoints;
  const choice = await chooseVariant(calibrated);
  const floatGraphs = await chooseFloatVariants(
    calibrated,
    choice,
    await makeFloatVariants(calibrated, choice),
  );
  const sizes = await makeSizes(opened, calibrated, choice, floatGraphs);
  const components = await optimizeComponents(context, runner, prepared.folder, calibrated.latents);
  const { verification, pictures } = await runner.stage({ kind: 'verify', changes: calibrated.changes }, () =>
    verify(calibrated, prepared.folder, choice.variant, {
      plain: choice.plain,
      components,
      original: operation?.original,
    }),
  );
  const offCalibration =
    context.recipe.offCalibrationImages === 0
      ? []
      : await runner.stage({ kind: 'off-calibration', changes: calibrated.changes }, () =>
          measureOffCalibration(calibrated, prepared.folder, choice.variant),
        );
  const manifest = await runner.unsaved({ kind: 'bundle' }, () =>
    writeBundle(request, opened, calibrated, choice, {
      verification,
      offCalibration,
      components,
      floatGraphs,
      sizes,
      operatingPoints,
    }),
  );
  const warnings = [
    ...opened.warnings,
    ...verificationWarnings(verification, context.recipe, choice.chosen.psnr),
  ];
  for (const warning of warnings.slice(opened.warnings.length)) request.onWarning?.(warning);
  const summary = summaryOf(calibrated, choice, {
    manifest,
    verification,
    pictures,
    components,
    floatGraphs,
    warnings,
    operatingPoints,
  });
  return { summary, calibrated, choice };
}
