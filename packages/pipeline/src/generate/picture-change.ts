import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Tensor, TorchGenerator, tensor } from '@cachequant/tensor';
import type { Conditioning } from '../denoise/denoiser.js';
import { FURTHER_CHANNELS, withChannels } from '../denoise/further-channels.js';
import { type InitialNoise, initialNoise, type NoiseSource } from '../denoise/initial-noise.js';
import type { PictureStart } from '../denoise/picture-start.js';
import { type EncodedPicture, type LatentEncoder, toPixels } from '../images/latent-encoder.js';
import { maskOfLatents, toMask, withoutMasked } from '../images/picture-mask.js';
import type { GenerationRequest, ImageJob } from './generation-request.js';
import type { SampleGeometry } from './sample-geometry.js';

/** Strength of a request that names none, as in diffusers: what a mask leaves stays anyway. */
const DEFAULT_STRENGTH = { picture: 0.8, mask: 1 };

/** A request's picture as far as it can be looked at before anything runs. */
export interface AskedChange {
  readonly image: RgbImage;
  readonly mask: RgbImage | undefined;
  readonly strength: number;
}

/**
 * The picture that a request changes; undefined where it makes one from noise.
 * @throws CacheQuantError `invalid-argument` for fields that do not go together, or pictures of unequal size
 */
export function askedChange(
  { image, mask, strength, width, height }: GenerationRequest,
  { further }: SampleGeometry,
): AskedChange | undefined {
  if (image === undefined) {
    const lone = mask ? 'mask' : 'strength';
    if (mask === undefined && strength === undefined && further === 0) return undefined;
    throw new CacheQuantError('invalid-argument', 'there is no picture to change', {
      where: further > 0 ? 'image' : lone,
      expected: further > 0 ? 'image and mask: the model is for inpainting' : `image beside ${lone}`,
    });
  }
  if (mask === undefined && further > 0) {
    throw new CacheQuantError('invalid-argument', 'the mask is missing', {
      where: 'mask',
      expected: 'image and mask: the model is for inpainting',
    });
  }
  requireSize('width', image.width, width);
  requireSize('height', image.height, height);
  requireSize('mask width', image.width, mask?.width);
  requireSize('mask height', image.height, mask?.height);
  return { image, mask, strength: strength ?? DEFAULT_STRENGTH[mask ? 'mask' : 'picture'] };
}

function requireSize(where: string, expected: number, got: number | undefined): void {
  if (got === undefined || got === expected) return;
  throw new CacheQuantError('invalid-argument', 'it differs from the size of the picture to change', {
    where,
    expected: String(expected),
    got: String(got),
    hint: 'Resize the picture or the mask first',
  });
}

/** The picture that a request changes, encoded. */
export interface PictureChange {
  readonly firstCall: number;
  /** Whether runs begin with noise alone. */
  readonly isWhole: boolean;
  readonly image: EncodedPicture;
  /** At the size of the latents; with the picture without what it covers. */
  readonly mask: { readonly latent: Tensor<'float32'>; readonly masked: EncodedPicture } | undefined;
}

/** Encodes the pictures of a request, once for all of its images. */
export async function encodeChange(
  { image, mask, strength }: AskedChange,
  firstCall: number,
  { further, factor }: SampleGeometry,
  encoder: LatentEncoder,
  signal: AbortSignal | undefined,
): Promise<PictureChange> {
  const pixels = toPixels(image);
  const encoded = await encoder.encode(pixels, signal);
  const covered = mask && toMask(mask);
  return {
    firstCall,
    isWhole: mask !== undefined && strength === 1,
    image: encoded,
    mask: covered && {
      latent: maskOfLatents(covered, factor),
      // Without further channels, nothing looks at it.
      masked: further > 0 ? await encoder.encode(withoutMasked(pixels, covered), signal) : encoded,
    },
  };
}

/**
 * What a model for inpainting takes behind its noisy channels, [1, 1 + C, H, W].
 * @param mask white where `image` is to be painted; of the same size
 */
export async function inpaintingChannels(
  image: RgbImage,
  mask: RgbImage,
  {
    encoder,
    source,
    signal,
  }: { encoder: LatentEncoder; source: NoiseSource; signal?: AbortSignal | undefined },
): Promise<Tensor<'float32'>> {
  const covered = toMask(mask);
  const masked = (await encoder.encode(withoutMasked(toPixels(image), covered), signal)).sample(source);
  return withChannels(maskOfLatents(covered, image.width / masked.dims[3]!), masked);
}

/** Noise of some images, and what their runs begin with beside it. */
export interface StartingPoint extends InitialNoise {
  readonly picture?: PictureStart;
  /** What both halves of guidance are conditioned on as well. */
  readonly further?: Conditioning;
}

/**
 * Draws what each image begins with from its seed, in the order of diffusers: the latents of the picture, the noise, the
 * latents of the masked picture.
 * @param shape [C, H, W] of the noisy sample
 */
export function startingPoint(
  jobs: readonly ImageJob[],
  shape: readonly [number, number, number],
  { further }: Pick<SampleGeometry, 'further'>,
  change: PictureChange | undefined,
): StartingPoint {
  const seeds = jobs.map(({ seed }) => seed);
  if (change === undefined) return initialNoise(seeds, shape);
  const { firstCall, isWhole, image, mask } = change;
  const needsClean = further === 0 || !isWhole;
  const drawn = seeds.map((seed) => {
    const generator = new TorchGenerator(seed);
    const clean = needsClean ? image.sample(generator) : undefined;
    const noise = tensor('float32', [1, ...shape], generator.randn(shape[0] * shape[1] * shape[2]));
    const masked = mask?.masked.sample(generator);
    return { generator, clean, noise, masked };
  });
  const clean = batchOf(drawn.map((each) => each.clean));
  return {
    noise: batchOf(drawn.map((each) => each.noise))!,
    generators: drawn.map((each) => each.generator),
    ...(clean && {
      picture: {
        firstCall,
        clean,
        begin: isWhole ? ('noise' as const) : ('picture' as const),
        mask: further === 0 ? mask?.latent : undefined,
      },
    }),
    ...(further > 0 && {
      further: {
        [FURTHER_CHANNELS]: batchOf(drawn.map(({ masked }) => withChannels(mask!.latent, masked!)))!,
      },
    }),
  };
}

/** Tensors [1, …] one after the other. */
function batchOf(each: readonly (Tensor<'float32'> | undefined)[]): Tensor<'float32'> | undefined {
  const [first] = each;
  if (first === undefined) return undefined;
  const batch = tensor('float32', [each.length, ...first.dims.slice(1)]);
  for (const [i, one] of each.entries()) batch.data.set(one!.data, i * first.data.length);
  return batch;
}
