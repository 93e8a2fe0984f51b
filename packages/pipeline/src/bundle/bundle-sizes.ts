import { CacheQuantError } from '@cachequant/tensor';
import type { BundleManifest, BundleSize, BundleVariant } from './manifest.js';

/** The two graphs of a size. */
export type GraphPair = Pick<BundleSize, 'full' | 'cached'>;

/** [height, width] in latents of every size that a bundle has graphs for, the calibrated one first. */
export function latentSizes({ latentDims, sizes }: BundleManifest): [number, number][] {
  return [latentDims, ...sizes.map((size) => size.latentDims)].map((dims) => [dims[1]!, dims[2]!]);
}

/** The graphs of a size, by its number, in a precision where one is given. */
export function graphsOf(
  { denoiser, sizes }: BundleManifest,
  size: number,
  variant: BundleVariant | undefined,
): GraphPair {
  if (size === 0) return variant ?? denoiser;
  const further = sizes[size - 1]!;
  if (variant === undefined) return further;
  const found = further.variants.find(({ precision }) => precision === variant.precision);
  if (found) return found;
  throw new CacheQuantError('bundle', 'the bundle has no graphs in this precision for this size', {
    where: 'precision',
    got: `${variant.precision} at ${further.width}x${further.height}`,
    hint: 'Optimize the model again with this version.',
  });
}

/** Refuses a size that a bundle lacks, with the command that adds it. */
export function sizeMissing(
  manifest: BundleManifest,
  factor: number,
  asked: { readonly width: number; readonly height: number },
): CacheQuantError {
  const sizes = latentSizes(manifest).map(([down, across]) => `${across * factor}x${down * factor}`);
  const wanted = `${asked.width}x${asked.height}`;
  const { id, name } = manifest.source;
  const isWidth = latentSizes(manifest).every(([, across]) => across * factor !== asked.width);
  return new CacheQuantError('invalid-argument', 'the bundle has no graphs for this size', {
    where: isWidth ? 'width' : 'height',
    expected: sizes.join(' or '),
    got: wanted,
    hint: `This adds it: cachequant optimize ${id ?? name} --out <bundle> --size ${[...sizes, wanted].join(',')}`,
  });
}
