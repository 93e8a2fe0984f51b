import type { Architecture } from './architecture.js';
import { autoencoderKL } from './autoencoder-kl.js';
import { autoencoderTiny } from './autoencoder-tiny.js';
import { clipTextModel, clipTextModelWithProjection } from './clip-text-model.js';
import { controlNet } from './controlnet.js';
import { unet2D } from './unet-2d.js';
import { unet2DCondition } from './unet-2d-condition.js';
import { vqModel } from './vq-model.js';

/** Every architecture that graphs can be built of. */
export const ARCHITECTURES: readonly Architecture[] = [
  unet2DCondition,
  unet2D,
  controlNet,
  autoencoderKL,
  autoencoderTiny,
  vqModel,
  clipTextModel,
  clipTextModelWithProjection,
];
