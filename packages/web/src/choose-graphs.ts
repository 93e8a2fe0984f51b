import type { BundleManifest, BundleVariant } from '@cachequant/pipeline';
import { variantOf } from '@cachequant/pipeline/internals';
import type { AdapterDescription, Backend } from '@cachequant/runtime-web';
import { CacheQuantError } from '@cachequant/tensor';

/** The element type that a bundle's float graphs compute in. */
export type Precision = BundleVariant['precision'];

/** What of a model is run, and where. */
export interface ChosenGraphs {
  readonly backend: Backend;
  /** The bundle's graphs in that precision; undefined for its own graphs, and for a model folder. */
  readonly variant: BundleVariant | undefined;
}

export interface GraphWishes {
  readonly device: 'auto' | Backend;
  readonly precision?: Precision | undefined;
  /** What WebGPU would run on; undefined where there is none. */
  readonly adapter: AdapterDescription | undefined;
}

/** Half precision that loses more, in decibels, is not taken unless it is asked for. */
const TOLERATED_LOSS = 1;

/**
 * The backend and the graphs for it. Integers run on WebAssembly alone; WebGPU takes the bundle's float graphs over
 * the same weights.
 *
 * @throws CacheQuantError `unsupported` when the device cannot run this model
 */
export function chooseGraphs(manifest: BundleManifest | undefined, wishes: GraphWishes): ChosenGraphs {
  const { device, adapter, precision } = wishes;
  const hasGpu = adapter !== undefined && (device === 'webgpu' || !adapter.software);
  const able = !isInteger(manifest) || gpuVariants(manifest).length > 0;
  if (device === 'wasm' || !hasGpu || (device === 'auto' && !able)) {
    return { backend: 'wasm', variant: precision && requireVariant(manifest, precision) };
  }
  if (!able) throw noFloatGraphs();
  const variant = manifest
    ? variantFor(manifest, precision, adapter)
    : precision && requireVariant(undefined, precision);
  if (variant) requireSize(variant, adapter);
  return { backend: 'webgpu', variant };
}

function variantFor(
  manifest: BundleManifest,
  precision: Precision | undefined,
  adapter: AdapterDescription,
): BundleVariant | undefined {
  if (precision === 'float16' && !adapter.float16) throw noHalfPrecision(adapter);
  if (precision) return requireVariant(manifest, precision);
  const variants = gpuVariants(manifest);
  const single = variants.find((variant) => variant.precision === 'float32');
  const half = variants.find((variant) => variant.precision === 'float16');
  // A bundle in float runs as it is.
  if (!half || !adapter.float16 || !single) return single;
  const loss = (single.calibrationPsnr ?? 0) - (half.calibrationPsnr ?? Number.NEGATIVE_INFINITY);
  return loss <= TOLERATED_LOSS ? half : single;
}

/** Files of a bundle that the choice leaves aside. */
export function unusedFiles(manifest: BundleManifest, { variant }: ChosenGraphs): ReadonlySet<string> {
  const { full, cached, variants } = manifest.denoiser;
  const { sizes } = manifest;
  const ofSizes = sizes.flatMap((size) => [...filesOf(size), ...size.variants.flatMap(filesOf)]);
  const all = [full.file, cached.file, ...variants.flatMap(filesOf), ...ofSizes];
  const used = [
    ...(variant ? filesOf(variant) : [full.file, cached.file]),
    ...sizes.flatMap((size) => (variant ? variantsLike(size, variant) : [size]).flatMap(filesOf)),
  ];
  const decoder = variant?.vaeDecoder ? ['vae_decoder/model.onnx'] : [];
  return new Set([...all.filter((file) => !used.includes(file)), ...decoder]);
}

function filesOf({
  full,
  cached,
  vaeDecoder,
}: Pick<BundleVariant, 'full' | 'cached'> & { readonly vaeDecoder?: string | undefined }): string[] {
  return [full.file, cached.file, ...(vaeDecoder ? [vaeDecoder] : [])];
}

/** A size's graphs in the precision of a variant. */
function variantsLike({ variants }: BundleManifest['sizes'][number], { precision }: BundleVariant) {
  return variants.filter((variant) => variant.precision === precision);
}

function gpuVariants(manifest: BundleManifest): BundleVariant[] {
  return manifest.denoiser.variants.filter(({ backends }) => backends.includes('webgpu'));
}

function isInteger(manifest: BundleManifest | undefined): manifest is BundleManifest {
  return manifest !== undefined && manifest.bits.target !== 'float';
}

function requireVariant(
  manifest: BundleManifest | undefined,
  precision: Precision,
): BundleVariant | undefined {
  // What is in float has its float32 graphs for its own.
  if (manifest && !isInteger(manifest) && precision === 'float32') return undefined;
  if (manifest) return variantOf(manifest, precision);
  throw new CacheQuantError('unsupported', 'a model folder runs in its own precision', {
    where: 'precision',
    expected: 'nothing, or a bundle',
    got: precision,
    hint: 'Omit `precision`, or optimize the model',
  });
}

function requireSize({ largestTensorBytes: needed }: BundleVariant, adapter: AdapterDescription): void {
  if (needed <= adapter.largestTensorBytes) return;
  throw new CacheQuantError('unsupported', 'a tensor of the model is too large for this graphics processor', {
    where: 'device',
    expected: `up to ${adapter.largestTensorBytes} bytes in one buffer`,
    got: `${needed} bytes`,
    hint: "Take `device: 'wasm'`, or a bundle for smaller pictures",
  });
}

function noFloatGraphs(): CacheQuantError {
  return new CacheQuantError('unsupported', 'the bundle computes with integers, which WebGPU cannot', {
    where: 'device',
    expected: 'wasm or auto, or a bundle with float graphs for WebGPU',
    got: 'webgpu',
    hint: 'Omit the device, or optimize the model again with `--float-graphs always`',
  });
}

function noHalfPrecision({ vendor, architecture }: AdapterDescription): CacheQuantError {
  return new CacheQuantError('unsupported', 'this graphics processor has no half precision in shaders', {
    where: 'precision',
    expected: 'an adapter with the feature shader-f16',
    got: [vendor, architecture].join(' ').trim() || 'an adapter without it',
    hint: "Leave out `precision`, or take 'float32'",
  });
}
