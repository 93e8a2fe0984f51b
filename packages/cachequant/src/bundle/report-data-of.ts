import { meanOf } from '@cachequant/evaluate';
import type { MeasuredCandidate, OptimizeSummary } from '@cachequant/optimizer';
import { encodePng, type RgbImage } from '@cachequant/pipeline';
import type { ReportData, ReportPicture, ReportRow } from '@cachequant/report';
import { formatBytes } from '../print/format.js';
import { describeCalls } from '../print/print-schedule.js';

/** Sizes that a report compares, in bytes. */
export interface ReportSizes {
  readonly sourceDenoiser: number;
  readonly sourceTotal: number;
  /** Items under the bundle's denoiser/. */
  readonly denoiserItems: readonly { readonly name: string; readonly bytes: number }[];
  readonly bundleTotal: number;
}

/** What a report says beside what the optimization itself measured. */
export interface ReportContext {
  readonly title: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly sizes: ReportSizes;
  /** Left out: the original and the bundle, from the verification. */
  readonly rows?: readonly ReportRow[];
  /** Left out: what the verification made. */
  readonly pictures?: OptimizeSummary['pictures'];
}

const SHOWN_PICTURES = 12;

/** Puts together what a report shows of an optimization. */
export function reportDataOf(summary: OptimizeSummary, context: ReportContext): ReportData {
  const { manifest, verification, candidates, textEncoderMs } = summary;
  const { times } = verification;
  return {
    title: context.title,
    createdAt: manifest.createdAt,
    versions: context.versions,
    settings: settingsOf(summary, context.machine),
    rows: context.rows ?? verifiedRows(summary, context.sizes),
    times: {
      original: { textEncoderMs, ...times.original },
      optimized: { textEncoderMs, ...times.optimized },
    },
    denoiserItems: context.sizes.denoiserItems,
    sourceDenoiserBytes: context.sizes.sourceDenoiser,
    distances: summary.distances,
    refreshCalls: manifest.schedule.refreshCalls,
    candidates: candidates.map((candidate) => ({
      schedule: candidate.schedule,
      correction: describeCorrection(candidate),
      refreshCalls: candidate.refreshCalls,
      psnr: meanOf(candidate.psnr),
      chosen: candidate.chosen,
    })),
    errorPerCall: verification.errorPerCall,
    cacheHits: verification.cacheHits,
    coverage: verification.coverage,
    layers: layersOf(summary),
    pictures: (context.pictures ?? summary.pictures).slice(0, SHOWN_PICTURES).map((pair) => ({
      ...pair,
      original: asPng(pair.original),
      optimized: asPng(pair.optimized),
    })),
    leftOut: leftOutOf(summary),
    warnings: summary.warnings,
  };
}

function layersOf({ layers }: OptimizeSummary): ReportData['layers'] {
  if (layers === undefined) return undefined;
  const measured = layers.decisions.flatMap(({ id, kind, compute, reason, measured }) => {
    const { floatMs, integerMs } = measured ?? {};
    if (measured === undefined || floatMs === undefined || integerMs === undefined) return [];
    return [{ id, kind, compute, reason, ...measured, floatMs, integerMs }];
  });
  return { measured, networkDb: layers.networkDb, floor: layers.qualityFloor };
}

function asPng(picture: RgbImage): ReportPicture {
  return { png: encodePng(picture), width: picture.width, height: picture.height };
}

function describeCorrection({ correction, guidance }: MeasuredCandidate): string {
  return guidance === 'forecast' ? `${correction}, guidance forecast` : correction;
}

function settingsOf({ manifest }: OptimizeSummary, machine: string): ReportData['settings'] {
  const { sampler, schedule, bits, cut, corrections } = manifest;
  return [
    { name: 'Model', value: manifest.source.name },
    {
      name: 'Sampler',
      value: `${sampler.name}, ${sampler.steps} steps (${describeCalls(manifest, 'network calls')})`,
    },
    { name: 'Guidance scale', value: String(manifest.guidanceScale) },
    {
      name: 'Cache interval',
      value: `${schedule.interval} (${schedule.refreshCalls.length} refreshes, ${schedule.kind})`,
    },
    {
      name: 'Cut',
      value: `${cut.id}; a cached call has ${(cut.cachedShare * 100).toFixed(1)} % of the multiply-adds`,
    },
    {
      name: 'Bits',
      value:
        bits.target === 'float'
          ? 'float32'
          : `weights ${bits.weights}, activations ${bits.activations} (${bits.target})`,
    },
    {
      name: 'Cache correction',
      value: `${corrections.cache}, from ${corrections.anchors === 2 ? 'the last two refreshes' : 'the last refresh'}`,
    },
    {
      name: 'Guidance at cached calls',
      value:
        corrections.guidance === 'forecast'
          ? 'forecast, with the conditional half computed'
          : 'both halves computed',
    },
    { name: 'Quantization correction', value: describeQuantizationCorrection(corrections) },
    ...manifest.components.map(({ name, form, reason }) => ({
      name: name === 'vae_decoder' ? 'Decoder' : 'Text encoder',
      value: `${form}: ${reason}`,
    })),
    ...manifest.sizes.map(({ width, height, psnr, images }) => ({
      name: `Size ${width}x${height}`,
      value: `graphs over the same weights and tables; PSNR ${psnr.toFixed(1)} dB on ${images} images`,
    })),
    { name: 'Machine', value: machine },
  ];
}

function describeQuantizationCorrection({
  quantization,
  smoothing,
}: OptimizeSummary['manifest']['corrections']): string {
  if (smoothing) return 'predictions smoothed over calls';
  return quantization ? 'outputs of layers, per call and channel' : 'off';
}

function verifiedRows({ verification }: OptimizeSummary, sizes: ReportSizes): ReportRow[] {
  const { secondsPerImage, speedup, psnr, psnrInterval, ssim } = verification;
  const denoiserBytes = sizes.denoiserItems.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    {
      id: 'original',
      label: 'Original',
      secondsPerImage: secondsPerImage.original,
      speedup: 1,
      denoiserBytes: sizes.sourceDenoiser,
      totalBytes: sizes.sourceTotal,
      psnr: null,
      psnrInterval: null,
      ssim: null,
    },
    {
      id: 'cachequant',
      label: 'CacheQuant',
      secondsPerImage: secondsPerImage.optimized,
      speedup,
      denoiserBytes,
      totalBytes: sizes.bundleTotal,
      psnr,
      psnrInterval,
      ssim,
    },
  ];
}

function leftOutOf({
  manifest,
  candidates,
  quantizationCorrection,
  verification,
  layers,
  floatGraphs,
}: OptimizeSummary): ReportData['leftOut'] {
  const kept = manifest.layers.filter(({ compute }) => compute === 'float');
  const reasons = new Map<string, string[]>();
  for (const { id, reason } of kept) reasons.set(reason, [...(reasons.get(reason) ?? []), id]);
  const chosen = candidates.find((candidate) => candidate.chosen);
  return [
    ...(layers !== undefined && layers.networkDb.chosen < layers.qualityFloor
      ? [
          {
            what: `The quality floor of ${layers.qualityFloor} dB`,
            why: `no layers that were tried in float bring the integer network's prediction above ${layers.networkDb.chosen.toFixed(1)} dB`,
          },
        ]
      : []),
    ...[...reasons].map(([reason, ids]) => ({
      what: `Integers in ${ids.length} ${ids.length === 1 ? 'layer' : 'layers'} (${ids.slice(0, 3).map(placeOf).join(', ')}${ids.length > 3 ? ', …' : ''})`,
      why: reason,
    })),
    ...(floatGraphs.kept.length === 0 && floatGraphs.bytes > 0
      ? [
          {
            what: 'Graphs in float for WebGPU',
            why: `${formatBytes(floatGraphs.bytes)} are more than a tenth of the denoiser; --float-graphs always keeps them`,
          },
        ]
      : []),
    ...(quantizationCorrection && !quantizationCorrection.kept
      ? [{ what: 'The quantization correction', why: 'it did not raise the PSNR on the calibration images' }]
      : []),
    ...verification.coverage.missed.map((id) => ({
      what: `Integers in ${placeOf(id)}`,
      why: 'planned, but the runtime did not run it so: please report this',
    })),
    ...[...new Set(candidates.map(({ schedule }) => schedule))]
      .filter((schedule) => schedule !== chosen?.schedule)
      .map((schedule) => ({
        what: `The ${schedule} schedule`,
        why: `${chosen?.schedule} measured better on the calibration images`,
      })),
  ];
}

/** Where a layer is, by the path of its output; in full it also names its weights. */
function placeOf(id: string): string {
  return id
    .slice(id.lastIndexOf(':') + 1)
    .replace(/^\//, '')
    .replace(/_output_\d+$/, '');
}
