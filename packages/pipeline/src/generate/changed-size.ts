import { vaeFactor } from '../images/vae-factor.js';
import type { Generator } from './generator.js';
import { sampleGeometry } from './sample-geometry.js';

/** Pixels; what is left out is open. */
export interface AskedSize {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/**
 * The size at which a picture is changed, to which it is resized before: what was asked for, else the model's where it
 * has one alone, else that of the picture, rounded down to what the model can make.
 */
export function changedSize(
  { denoiser, folder }: Pick<Generator, 'denoiser' | 'folder'>,
  natural: { readonly width: number; readonly height: number },
  asked: AskedSize,
): { width: number; height: number } {
  const config = folder.vaeDecoder?.config;
  const factor = config ? vaeFactor(config) : 1;
  const channels = config?.latent_channels;
  const { fixed, granularity } = sampleGeometry(
    denoiser.sampleInput,
    folder.denoiser.config,
    factor,
    channels,
  );
  const step = factor * granularity;
  const length = (given: number | undefined, only: number | undefined, own: number) =>
    given ?? (only === undefined ? Math.max(step, Math.floor(own / step) * step) : only * factor);
  return {
    width: length(asked.width, fixed[1], natural.width),
    height: length(asked.height, fixed[0], natural.height),
  };
}
