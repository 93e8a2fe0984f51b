import { type CallKind, type LatentPreview, previewPicture } from '@cachequant/pipeline';
import type { RgbImage, WebGenerator } from '@cachequant/web';

export interface PictureRequest {
  readonly prompt: string;
  readonly seed: number;
  /** As the bundle was made for, with the original too. */
  readonly steps: number;
  readonly sampler: string;
  readonly guidanceScale: number;
  readonly signal: AbortSignal;
}

/** After a network call. */
export interface Moment {
  readonly call: number;
  readonly calls: number;
  readonly kind: CallKind;
  /** Of the network calls so far, without previews. */
  readonly elapsedMs: number;
  readonly preview: RgbImage | undefined;
}

export interface Picture {
  readonly image: RgbImage;
  /** Network calls and decoder. */
  readonly totalMs: number;
  readonly kinds: readonly CallKind[];
  /** About this request, such as words that the model does not know. */
  readonly warnings: readonly string[];
  /** Latents after each call. */
  readonly trajectory: readonly Float32Array[];
}

/** Makes one picture and shows how it comes about. */
export async function runPicture(
  generator: WebGenerator,
  { prompt, ...request }: PictureRequest,
  preview: LatentPreview | undefined,
  onMoment: (moment: Moment) => void,
): Promise<Picture> {
  const trajectory: Float32Array[] = [];
  let elapsedMs = 0;
  const { images, timings, warnings } = await generator.generate(prompt, {
    ...request,
    onStep: ({ call, calls, kind, ms, latents }) => {
      elapsedMs += ms;
      trajectory.push(latents.data.slice());
      const fits = preview !== undefined && preview[0]?.length === latents.dims[1]! + 1;
      onMoment({
        call,
        calls,
        kind,
        elapsedMs,
        preview: fits ? previewPicture(latents, preview) : undefined,
      });
    },
  });
  const { calls, decoderMs } = timings.runs[0]!;
  return {
    image: images[0]!,
    totalMs: calls.reduce((sum, { ms }) => sum + ms, 0) + decoderMs,
    kinds: calls.map(({ kind }) => kind),
    warnings,
    trajectory,
  };
}

/** Relative L2 distance of the latents after each call. */
export function trajectoryErrors(ours: readonly Float32Array[], original: readonly Float32Array[]): number[] {
  if (ours.length !== original.length) return [];
  return ours.map((latents, call) => {
    let difference = 0;
    let square = 0;
    for (const [at, value] of original[call]!.entries()) {
      difference += (latents[at]! - value) ** 2;
      square += value ** 2;
    }
    return square === 0 ? 0 : Math.sqrt(difference / square);
  });
}
