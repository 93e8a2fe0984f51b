import type { Architecture } from './architecture.js';
import { autoencoderKL } from './autoencoder-kl.js';
import { autoencoderTiny } from './autoencoder-tiny.js';
import { classEmbedder } from './class-embedder.js';
import { clipTextModel, clipTextModelWithProjection } from './clip-text-model.js';
import { controlNet } from './controlnet.js';
import { ditTransformer2D } from './dit-transformer-2d.js';
import { fluxTransformer2D } from './flux-transformer-2d.js';
import { ldmBertModel } from './ldm-bert-model.js';
import { pixArtTransformer2D } from './pixart-transformer-2d.js';
import { sd3Transformer2D } from './sd3-transformer-2d.js';
import { t5EncoderModel } from './t5-encoder-model.js';
import { unet2D } from './unet-2d.js';
import { unet2DCondition } from './unet-2d-condition.js';
import { vqModel } from './vq-model.js';

/** Every architecture that graphs can be built of. */
export const ARCHITECTURES: readonly Architecture[] = [
  unet2DCondition,
  unet2D,
  controlNet,
  ditTransformer2D,
  pixArtTransformer2D,
  sd3Transformer2D,
  fluxTransformer2D,
  autoencoderKL,
  autoencoderTiny,
  vqModel,
  clipTextModel,
  clipTextModelWithProjection,
  t5EncoderModel,
  ldmBertModel,
  classEmbedder,
];
