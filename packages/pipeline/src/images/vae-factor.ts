import type { VaeConfig } from '../model/component-configs.js';

/** Pixels per latent: every block of the autoencoder but the last halves the size. */
export function vaeFactor({ block_out_channels, pixels_per_latent }: VaeConfig): number {
  return pixels_per_latent ?? 2 ** (block_out_channels.length - 1);
}
