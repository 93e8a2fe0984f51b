import type { Sampler } from '@cachequant/samplers';
import { CacheQuantError, type Tensor } from '@cachequant/tensor';
import type { GenerationRequest } from './generation-request.js';

/** The calls of a sampler that a request makes, where another model makes the others. */
export interface PartOfRun {
  readonly firstCall: number;
  /** The call before which the run ends. */
  readonly endCall: number;
  /** What the run begins with; undefined where that is noise. */
  readonly latents: Tensor<'float32'> | undefined;
}

/** Timesteps that networks are trained at, where the folder does not say. */
const TRAINED = 1000;

/**
 * The part of a run that a request makes; undefined for a whole one.
 *
 * Source: `denoising_end` and `denoising_start` of diffusers' StableDiffusionXLPipeline and its image-to-image form: the
 * share of the training's timesteps that lies before the call at which one model hands over to another.
 * @param shape [C, H, W] of the sample
 * @throws CacheQuantError `invalid-argument` for fields that do not go together, or a part without a call, `unsupported`
 * for a sampler that makes several calls a step
 */
export function askedPart(
  { denoisingStart, denoisingEnd, latents, image }: GenerationRequest,
  sampler: Sampler,
  trained: number | undefined,
  shape: readonly number[],
): PartOfRun | undefined {
  if ((denoisingStart === undefined) !== (latents === undefined)) {
    throw new CacheQuantError('invalid-argument', 'a run begins in the middle with the latents of another', {
      where: latents === undefined ? 'latents' : 'denoisingStart',
      expected: 'denoisingStart and latents together',
    });
  }
  if (denoisingStart === undefined && denoisingEnd === undefined) return undefined;
  if (image !== undefined) {
    throw new CacheQuantError('invalid-argument', 'a run that changes a picture is not shared out', {
      where: denoisingStart === undefined ? 'denoisingEnd' : 'denoisingStart',
      hint: 'Leave out the image, or this',
    });
  }
  if (sampler.callsPerStep.some((calls) => calls !== 1)) {
    throw new CacheQuantError('unsupported', `${sampler.name} makes several calls a step`, {
      where: denoisingStart === undefined ? 'denoisingEnd' : 'denoisingStart',
      hint: 'Choose another sampler for runs that are shared out',
    });
  }
  if (latents !== undefined) requireLatents(latents, shape);
  const firstCall = denoisingStart === undefined ? 0 : callAt(denoisingStart, sampler, trained);
  const endCall = denoisingEnd === undefined ? sampler.calls : callAt(denoisingEnd, sampler, trained);
  if (firstCall < endCall) return { firstCall, endCall, latents };
  throw new CacheQuantError('invalid-argument', `this part of the run has none of ${sampler.calls} calls`, {
    where: denoisingEnd === undefined ? 'denoisingStart' : 'denoisingEnd',
    hint: 'Use more steps, or another share',
  });
}

function callAt(share: number, { timesteps }: Sampler, trained = TRAINED): number {
  const cutoff = Math.round(trained - share * trained);
  return timesteps.filter((timestep) => timestep >= cutoff).length;
}

function requireLatents({ dims, data }: Tensor<'float32'>, shape: readonly number[]): void {
  const expected = [1, ...shape];
  const count = expected.reduce((product, size) => product * size, 1);
  if (dims.join() === expected.join() && data.length === count) return;
  throw new CacheQuantError('shape', 'the latents are of another size than the picture', {
    where: 'latents',
    expected: `[${expected}]`,
    got: `[${dims}]`,
  });
}
