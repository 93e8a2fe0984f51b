import type { Bundle, BundleManifest } from '@cachequant/pipeline';
import { formatBytes, formatShare } from './format.js';
import { describeCalls, timeline } from './print-schedule.js';
import { tableLines } from './print-table.js';

/** What `inspect` says of a bundle. */
export function bundleLines({ manifest, verification }: Bundle): string[] {
  const { source, sampler, schedule, cut, guidanceScale, latentDims, layers } = manifest;
  const integer = layers.filter(({ compute }) => compute === 'integer').length;
  const bytes = Object.values(manifest.files).reduce((sum, file) => sum + file.bytes, 0);
  return [
    `Bundle of ${source.name}, made ${manifest.createdAt.slice(0, 10)} by ${manifest.createdBy}`,
    ...tableLines([
      ['size', formatBytes(bytes)],
      ['sampler', `${sampler.name}, ${sampler.steps} steps (${describeCalls(manifest, 'network calls')})`],
      ['guidance scale', String(guidanceScale)],
      ['latents', `[${latentDims.join(', ')}]`],
      ...sizeRows(manifest),
      ['cut', `${cut.id}; a cached call takes ${formatShare(cut.cachedShare)} of the multiply-adds`],
      ['schedule', `${schedule.kind}, ${schedule.refreshCalls.length} refreshes`],
      ...(schedule.timesteps ? [] : [['', timeline(sampler.calls, schedule.refreshCalls)]]),
      ['numbers', describeBits(manifest, integer)],
      ['correction', describeCorrections(manifest)],
      ...(verification
        ? [
            [
              'measured',
              `${verification.speedup.toFixed(2)} times as fast on the machine that made it${verification.busy ? ', which was busy' : ''}`,
            ],
            [
              '',
              `PSNR ${verification.psnr.toFixed(2)} dB, SSIM ${verification.ssim.toFixed(3)}, ${verification.images} images`,
            ],
          ]
        : []),
    ]),
  ];
}

/** Further sizes, with what they keep of the source model at each. */
function sizeRows({ sizes }: BundleManifest): string[][] {
  return sizes.map(({ width, height, psnr, images }, i) => [
    i === 0 ? 'further sizes' : '',
    `${width}x${height}: PSNR ${psnr.toFixed(2)} dB, ${images} images`,
  ]);
}

function describeBits({ bits, layers }: BundleManifest, integer: number): string {
  if (bits.target === 'float') return 'float';
  return `${integer} of ${layers.length} layers in integers: weights ${bits.weights} bits, activations ${bits.activations} (${bits.target})`;
}

function describeCorrections({ corrections }: BundleManifest): string {
  return [
    `cache: ${corrections.cache}`,
    ...(corrections.guidance === 'forecast' ? ['guidance: forecast at cached calls'] : []),
    ...(corrections.smoothing ? ['quantization: predictions smoothed over calls'] : []),
    ...(corrections.quantization ? ['quantization: per call and channel'] : []),
  ].join('; ');
}
