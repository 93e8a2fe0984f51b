/** The denoisers that a verification runs. */
export type Contestant = 'original' | 'optimized' | 'plain';

/** One image by one denoiser. */
export interface VerificationRun {
  readonly contestant: Contestant;
  readonly image: number;
}

/**
 * The order in which images are made, so that a machine whose speed drifts slows the original and the optimized
 * model alike: in turn, every second image in reverse, or, where they are not to be in memory together, half of the
 * original's images before the others and half after.
 */
export function verificationOrder(
  images: number,
  contestants: readonly Contestant[],
  apart: boolean,
): VerificationRun[] {
  const all = Array.from({ length: images }, (_, image) => image);
  const by = (contestant: Contestant, chosen = all): VerificationRun[] =>
    chosen.map((image) => ({ contestant, image }));
  if (!apart) {
    const reversed = [...contestants].reverse();
    return all.flatMap((image) =>
      (image % 2 === 0 ? contestants : reversed).map((contestant) => ({ contestant, image })),
    );
  }
  const half = Math.ceil(images / 2);
  const others = contestants.filter((contestant) => contestant !== 'original');
  return [
    ...by('original', all.slice(0, half)),
    ...others.flatMap((contestant) => by(contestant)),
    ...by('original', all.slice(half)),
  ];
}
