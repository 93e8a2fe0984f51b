import type { PublishedFamily } from './published.js';

/** A model of this repository that stands in for one of the paper's. */
export interface StandIn {
  /** Its folder in models/. */
  readonly name: string;
  /** Of the denoiser, as the model's card says. */
  readonly parameters: number;
}

export const STAND_INS: Readonly<Record<PublishedFamily['id'], readonly StandIn[]>> = {
  'latent-diffusion': [{ name: 'fashion-ldm', parameters: 2_380_355 }],
  'stable-diffusion': [
    { name: 'fashion-sd', parameters: 4_192_900 },
    { name: 'emoji-sd', parameters: 7_240_004 },
  ],
  transformer: [{ name: 'fashion-dit', parameters: 2_820_512 }],
  'pixel-diffusion': [{ name: 'fashion-ddpm', parameters: 1_744_259 }],
};
