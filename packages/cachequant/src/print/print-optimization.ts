import type { OperatingPoints, OptimizationEstimate } from '@cachequant/optimizer';
import type { BundleManifest, Verification } from '@cachequant/pipeline';
import type { ReportSizes } from '../bundle/report-data-of.js';
import { formatBytes, formatCount, formatSeconds, formatShare } from './format.js';
import { describeCalls, timeline } from './print-schedule.js';
import { tableLines } from './print-table.js';

/** What `optimize --dry-run` says. */
export function planLines({
  cut,
  calls,
  refreshes,
  stages,
  multiplyAdds,
  plannedIntegers,
  ...plan
}: OptimizationEstimate): string[] {
  return [
    'This optimization would take about',
    ...tableLines([
      ['time', formatSeconds(plan.seconds)],
      ['disk', `${formatBytes(plan.diskBytes)} for intermediate results`],
      ['memory', formatBytes(plan.peakMemoryBytes)],
    ]),
    '',
    `It would refresh the cache at ${refreshes} of ${calls} network calls, cut at ${cut.id}`,
    `(a cached call takes ${formatShare(cut.cachedShare)} of the multiply-adds: ${formatCount(multiplyAdds.cached)} of ${formatCount(multiplyAdds.full)}).`,
    `${plannedIntegers.layers} of ${plannedIntegers.of} layers can be integers, ${formatShare(plannedIntegers.share)} of the multiply-adds.`,
    '',
    'Stages, in network calls',
    ...tableLines(
      stages.map(({ name, networkCalls }) => [name, networkCalls.toFixed(0)]),
      { right: [1] },
    ),
  ];
}

/** What `optimize` made. */
export interface Optimized {
  /** The folder. */
  readonly bundle: string;
  readonly report: string;
  readonly sizes: ReportSizes;
  readonly manifest: BundleManifest;
  readonly verification: Verification;
  /** Of the folder, the prompts and the pictures. */
  readonly warnings: readonly string[];
  /** Where it was made for a latency or a quality. */
  readonly operatingPoints?: OperatingPoints;
}

export function optimizedLines({
  bundle,
  report,
  sizes,
  manifest,
  verification,
  warnings,
  operatingPoints,
}: Optimized): string[] {
  const { secondsPerImage, speedup, speedupInterval, psnr, psnrInterval, ssim, images } = verification;
  const denoiserBytes = sizes.denoiserItems.reduce((sum, { bytes }) => sum + bytes, 0);
  const interval = psnrInterval.map((value) => value.toFixed(1)).join(' to ');
  return [
    '',
    bundle,
    ...tableLines([
      [
        'time per image',
        `${formatSeconds(secondsPerImage.original)} → ${formatSeconds(secondsPerImage.optimized)} (${speedup.toFixed(2)} times as fast${range(speedupInterval)})`,
      ],
      ['denoiser', `${formatBytes(sizes.sourceDenoiser)} → ${formatBytes(denoiserBytes)}`],
      ['whole folder', `${formatBytes(sizes.sourceTotal)} → ${formatBytes(sizes.bundleTotal)}`],
      ...manifest.components.map(({ name, form, sourceBytes, bytes, reason }) => [
        name.replace('_', ' '),
        `${formatBytes(sourceBytes)} → ${formatBytes(bytes)}, ${form} (${reason})`,
      ]),
      [
        'quality',
        `PSNR ${psnr.toFixed(2)} dB (95 %: ${interval}), SSIM ${ssim.toFixed(3)}, ${images} held-out images`,
      ],
      ...scheduleRows(manifest),
      ['report', report],
    ]),
    ...(operatingPoints ? pointLines(operatingPoints) : []),
    ...warnings.flatMap((warning) => ['', `WARNING: ${warning}`]),
  ];
}

function scheduleRows(manifest: Optimized['manifest']): string[][] {
  const { schedule, sampler } = manifest;
  const refreshes = schedule.refreshCalls.length;
  if (refreshes === sampler.calls) return [['schedule', `no cache: ${describeCalls(manifest)}, all in full`]];
  const line = ['schedule', `${schedule.kind}: ${refreshes} refreshes in ${describeCalls(manifest)}`];
  return schedule.timesteps ? [line] : [line, ['', timeline(sampler.calls, schedule.refreshCalls)]];
}

function range(interval: Verification['speedupInterval']): string {
  return interval ? `; 95 %: ${interval.map((value) => value.toFixed(2)).join(' to ')}` : '';
}

/** What was measured on the calibration images and beaten by nothing, with an arrow at what was taken. */
function pointLines({ front, chosen }: OperatingPoints): string[] {
  const rows = front.map((point) => [
    point === chosen ? '→' : '',
    `${point.milliseconds.toFixed(0)} ms`,
    `${point.psnr.toFixed(1)} dB`,
    `${point.steps} steps of ${point.sampler}`,
    point.interval === 1 ? 'no cache' : `interval ${point.interval}`,
    point.bits === 'none' ? 'float' : point.bits,
  ]);
  return ['', 'Measured on the calibration images, fastest first:', ...tableLines(rows, { right: [1, 2] })];
}
