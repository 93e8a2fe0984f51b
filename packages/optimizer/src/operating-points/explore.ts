import { interval95, meanOf, medianOf, psnr, type RgbImage } from '@cachequant/evaluate';
import type { Sampler } from '@cachequant/samplers';
import { CacheQuantError, storageFolder, writeFile } from '@cachequant/tensor';
import { type CalibratedModel, calibrateModel } from '../calibrated-model.js';
import { chooseVariant } from '../candidates/choose-variant.js';
import { atInterval, inFloat } from '../candidates/model-variants.js';
import { loadVariant, samplerOf, type Variant } from '../candidates/variant.js';
import {
  type CalibrationContextOptions,
  type OpenCalibrationContext,
  openCalibrationContext,
} from '../prepare/open-calibration-context.js';
import type { OptimizeOptions } from '../recipe.js';
import { measureImage } from '../verify/measure-image.js';
import { choosePoint, type OperatingPoint, type OperatingTarget, paretoPoints } from './operating-point.js';
import { type SamplerSetting, samplerSettings } from './settings.js';

/** Everything that was measured, and what of it was taken. */
export interface OperatingPoints {
  /** As the options or the model say. */
  readonly original: Sampler;
  readonly target: OperatingTarget;
  readonly points: readonly MeasuredPoint[];
  /** What no other point beats, fastest first. */
  readonly front: readonly MeasuredPoint[];
  readonly chosen: MeasuredPoint;
}

/** A point and the setting in whose calibration context it was measured. */
export interface MeasuredPoint extends OperatingPoint {
  readonly setting: SamplerSetting;
  readonly psnrInterval: readonly [number, number];
}

/** The target of some options; undefined where they have none. */
export function targetOf({ maxLatency, minPsnr }: OptimizeOptions = {}): OperatingTarget | undefined {
  return maxLatency === undefined && minPsnr === undefined ? undefined : { maxLatency, minPsnr };
}

/**
 * Measures samplers, steps, intervals and precisions on the calibration images, against the pictures of the model
 * with the sampler and the steps of the options, and chooses the point that keeps to the target.
 * @throws CacheQuantError `infeasible-schedule` when none does, naming the nearest
 */
export async function exploreOperatingPoints(
  request: CalibrationContextOptions,
  target: OperatingTarget,
): Promise<OperatingPoints> {
  await writeFile(request.work, 'fingerprint.txt', 'operating points');
  const points: MeasuredPoint[] = [];
  let references: readonly RgbImage[] | undefined;
  const { original, settings } = await settingsOf(request);
  for (const setting of settings) {
    const opened = await openPoint(request, setting);
    try {
      const calibrated = await calibratedModelOf(opened);
      references ??= calibrated.references;
      points.push(...(await measureSetting(calibrated, setting, references)));
    } finally {
      await opened.dispose();
    }
  }
  const chosen = choosePoint(points, target);
  const front = paretoPoints(points);
  if (chosen) return { original, target, points, front, chosen };
  throw nothingFits(front, target);
}

/** The calibration context of a point, with everything that was measured in it. */
export function openPoint(
  request: CalibrationContextOptions,
  { sampler, steps, intervals }: SamplerSetting,
): Promise<OpenCalibrationContext> {
  const { maxLatency: _, minPsnr: __, ...options } = request.options ?? {};
  return openCalibrationContext({
    ...request,
    work: storageFolder(request.work, `points/${sampler ?? 'own'}-${steps}`),
    options: { ...options, steps, interval: Math.max(...intervals), ...(sampler && { sampler }) },
  });
}

async function settingsOf(
  request: CalibrationContextOptions,
): Promise<{ original: Sampler; settings: readonly SamplerSetting[] }> {
  const { maxLatency: _, minPsnr: __, ...options } = request.options ?? {};
  const opened = await openCalibrationContext({
    ...request,
    options: { ...options, interval: 1 },
    work: storageFolder(request.work, 'points/settings'),
  });
  await opened.dispose();
  const { prepared } = opened;
  return { original: prepared.sampler, settings: samplerSettings(prepared, options.sampler) };
}

function calibratedModelOf({
  context,
  runner,
  inputDims,
  prepared,
}: OpenCalibrationContext): Promise<CalibratedModel> {
  return calibrateModel(context, runner, { inputDims, model: prepared.model });
}

/** Every interval in the precision that was asked for; where that is integers, also those of float in float. */
async function measureSetting(
  calibrated: CalibratedModel,
  setting: SamplerSetting,
  references: readonly RgbImage[],
): Promise<MeasuredPoint[]> {
  const { sampler, intervals, floatIntervals } = setting;
  const points: MeasuredPoint[] = [];
  for (const changes of [calibrated, ...(calibrated.integers ? [inFloat(calibrated)] : [])]) {
    for (const interval of changes === calibrated ? intervals : floatIntervals) {
      const at = atInterval(changes, interval);
      const { variant } = await chooseVariant(at);
      const measured = await at.runner.stage({ kind: 'point', changes: at.changes }, () =>
        measurePoint(at, variant, references),
      );
      const { steps } = calibrated.context.sampler;
      const { bits } = at.context.recipe;
      points.push({
        setting,
        sampler: sampler ?? calibrated.context.sampler.name,
        steps,
        interval,
        bits,
        ...measured,
      });
    }
  }
  return points;
}

async function measurePoint(
  { context }: CalibratedModel,
  variant: Variant,
  references: readonly RgbImage[],
): Promise<
  Pick<OperatingPoint, 'psnr' | 'milliseconds'> & { readonly psnrInterval: readonly [number, number] }
> {
  const denoiser = await loadVariant(context, variant);
  try {
    const sampler = samplerOf(context, variant);
    await measureImage(context, denoiser, context.calibration[0]!, { sampler });
    const quality: number[] = [];
    const times: number[] = [];
    for (const [i, image] of context.calibration.entries()) {
      const { picture, seconds } = await measureImage(context, denoiser, image, { sampler });
      quality.push(Math.min(psnr(references[i]!, picture), MAX_PSNR));
      times.push(1000 * seconds);
    }
    return { psnr: meanOf(quality), psnrInterval: interval95(quality), milliseconds: medianOf(times) };
  } finally {
    await denoiser.dispose();
  }
}

/** PSNR of equal pictures, so that means stay finite. */
const MAX_PSNR = 100;

function nothingFits(
  front: readonly OperatingPoint[],
  { maxLatency, minPsnr }: OperatingTarget,
): CacheQuantError {
  const describe = ({ sampler, steps, interval, milliseconds, psnr: quality }: OperatingPoint) =>
    `${milliseconds.toFixed(0)} ms at ${quality.toFixed(1)} dB (${steps} steps of ${sampler}, interval ${interval})`;
  return new CacheQuantError('infeasible-schedule', 'no way to run the model keeps to the target', {
    where: [maxLatency === undefined ? '' : 'maxLatency', minPsnr === undefined ? '' : 'minPsnr']
      .filter(Boolean)
      .join(', '),
    expected: [
      maxLatency === undefined ? '' : `${maxLatency} ms at most`,
      minPsnr === undefined ? '' : `${minPsnr} dB at least`,
    ]
      .filter(Boolean)
      .join(', '),
    got: `from ${describe(front[0]!)} to ${describe(front.at(-1)!)}`,
    hint: 'Use a target in between.',
  });
}
