import { medianOf } from '@cachequant/evaluate';
import type { RunTiming } from '@cachequant/pipeline';
import { formatSeconds } from '../print/format.js';

/** Where the time of images went: the median image, and means of its parts. */
export interface ImageTimes {
  readonly images: number;
  readonly secondsPerImage: number;
  readonly decoderSeconds: number;
  /** By how the network was called; only kinds that occurred. */
  readonly calls: readonly { readonly kind: string; readonly perImage: number; readonly msPerCall: number }[];
}

const KINDS = ['float', 'full', 'cached'] as const;

export function imageTimes(runs: readonly RunTiming[]): ImageTimes {
  const images = runs.reduce((sum, run) => sum + run.images, 0);
  const calls = runs.flatMap((run) => run.calls);
  const mean = (total: number) => total / Math.max(images, 1);
  return {
    images,
    secondsPerImage: runs.length === 0 ? 0 : medianOf(runs.map((run) => run.totalMs / run.images)) / 1000,
    decoderSeconds: mean(runs.reduce((sum, run) => sum + run.decoderMs, 0)) / 1000,
    calls: KINDS.flatMap((kind) => {
      const own = calls.filter((call) => call.kind === kind);
      if (own.length === 0) return [];
      const totalMs = own.reduce((sum, { ms }) => sum + ms, 0);
      return [{ kind, perImage: mean(own.length), msPerCall: totalMs / own.length }];
    }),
  };
}

export function timesLine({ secondsPerImage, decoderSeconds, calls }: ImageTimes): string {
  const parts = calls.map(
    ({ kind, perImage, msPerCall }) => `${perImage} ${kind} calls of ${msPerCall.toFixed(1)} ms`,
  );
  return `${formatSeconds(secondsPerImage)} an image: ${[...parts, `decoder ${formatSeconds(decoderSeconds)}`].join(', ')}`;
}
