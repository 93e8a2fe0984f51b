import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

/** Height and width of the latents that are measured: of 256×256 pixels, and with `--full` of 512×512. */
export const QUICK_LATENTS = 32;
export const FULL_LATENTS = 64;

/** The graph of Stable Diffusion 1.5's U-Net, without weights. */
export const SKELETON = path.join(ROOT, 'models/skeletons/sd15-unet');
/** The model with weights, work folders and bundles: several gigabytes that can be made again. */
export const CACHE = process.env.BENCH_CACHE ?? path.join(ROOT, '.cache/bench');
export const RESULTS = path.join(ROOT, 'apps/benchmarks/results');
export const NATIVE = path.join(ROOT, 'apps/benchmarks/native');
export const PYTHON_SOURCES = path.join(ROOT, 'apps/benchmarks/python');
/** The models that were trained. */
export const MODELS = path.join(ROOT, 'models');
/** The text-to-image model of clothes, and the network that judges such pictures. */
export const FASHION = path.join(ROOT, 'models/fashion-sd');
export const SCORER = path.join(ROOT, 'models/fashion-eval');
/** Pictures of the documentation. */
export const PICTURES = path.join(ROOT, 'docs/images');
