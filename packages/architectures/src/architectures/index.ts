import type { Architecture } from './architecture.js';
import { autoencoderKL } from './autoencoder-kl.js';
import { clipTextModel, clipTextModelWithProjection } from './clip-text-model.js';
import { unet2DCondition } from './unet-2d-condition.js';

/** Every architecture that graphs can be built of. */
export const ARCHITECTURES: readonly Architecture[] = [
  unet2DCondition,
  autoencoderKL,
  clipTextModel,
  clipTextModelWithProjection,
];
