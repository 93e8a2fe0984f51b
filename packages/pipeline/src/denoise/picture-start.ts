import type { Sampler, SamplerState } from '@cachequant/samplers';
import type { Tensor } from '@cachequant/tensor';

/** How a run that changes pictures differs from one that begins with noise alone. */
export interface PictureStart {
  /** The first call that is made; see `Sampler.firstCall`. */
  readonly firstCall: number;
  /** The pictures' latents [B, C, H, W], without noise. */
  readonly clean: Tensor<'float32'>;
  /**
   * `noise`: the run begins with noise alone, and the pictures only fill what `mask` leaves. `latents`: with `clean` as it
   * is, as noisy as another run left it.
   */
  readonly begin: 'picture' | 'noise' | 'latents';
  /** [1, 1, H, W]: 1 where a picture is painted, 0 where it is put back after each call. */
  readonly mask?: Tensor<'float32'> | undefined;
}

/** The state of one image before its first call. */
export function startState(
  sampler: Sampler,
  noise: Float32Array,
  clean: Float32Array | undefined,
  picture: PictureStart | undefined,
): SamplerState {
  if (picture === undefined || clean === undefined || picture.begin === 'noise') return sampler.start(noise);
  if (picture.begin === 'latents') {
    return { call: picture.firstCall, sample: clean, history: [], stages: [] };
  }
  return sampler.startFrom(picture.firstCall, clean, noise);
}

/**
 * Puts the picture back where it is not to be painted, as noisy as the sample is.
 *
 * Source: Avrahami et al., Blended Latent Diffusion, algorithm 1, https://arxiv.org/abs/2206.02779, as diffusers'
 * StableDiffusionInpaintPipeline does it.
 * @param state after a call
 */
export function withPictureBack(
  sampler: Sampler,
  state: SamplerState,
  clean: Float32Array,
  noise: Float32Array,
  mask: Float32Array,
): SamplerState {
  const known = state.call < sampler.calls ? sampler.renoise(state.call, clean, noise) : clean;
  const plane = mask.length;
  const sample = state.sample.map((value, i) => {
    const painted = mask[i % plane]!;
    return (1 - painted) * known[i]! + painted * value;
  });
  return { ...state, sample };
}
