import { CacheQuantError, parseJson, readText, type Storage } from '@cachequant/tensor';
import { z } from 'zod';
import { conditioningRecipeSchema } from '../conditioning/recipe/conditioning-recipe.js';
import { bundleFolder, MANIFEST } from './bundle-folder.js';
import { earlierNames } from './earlier-names.js';
import { hashText } from './fingerprint.js';
import { offCalibrationsSchema } from './off-calibration.js';

/** The name of a bundle's measurements. */
export const VERIFICATION = 'verification.json';
/** The version of the manifest that this code writes, and the newest that it reads. */
export const FORMAT_VERSION = 2;
/** Those that it reads. */
const READ_VERSIONS = z.union([z.literal(1), z.literal(FORMAT_VERSION)]);

const GRAPH_INPUTS = [
  'sample',
  'timestep',
  'conditioning',
  'inpainting',
  'call_index',
  'cache:newest',
  'cache:previous',
  'control:image',
  'control:scale',
  'request',
] as const;

const graphSchema = z.object({
  file: z.string(),
  /**
   * What each input takes: the noisy sample, its time, the index of the network call, a cached tensor, the mask and masked
   * picture of inpainting, what a ControlNet follows and how closely, or conditioning, of which `conditioning` says where it
   * comes from. Format 1 has `request` for everything that is neither an index nor cached.
   */
  inputs: z.record(z.string(), z.enum(GRAPH_INPUTS)),
  outputs: z.record(z.string(), z.enum(['prediction', 'cache'])),
});

const variantSchema = z.object({
  /** Backends that run these graphs and not those of the bundle itself. */
  backends: z.array(z.string()),
  precision: z.enum(['float32', 'float16']),
  full: graphSchema,
  cached: graphSchema,
  anchors: z.union([z.literal(1), z.literal(2)]),
  /** What these graphs have of the corrections: the cache's, fitted for them. */
  corrections: z.object({ cache: z.enum(['none', 'paper', 'forecast']), quantization: z.literal(false) }),
  /** Of the largest weight or activation, at the batch of the calibration: what one buffer of the device must hold. */
  largestTensorBytes: z.number().int(),
  /** The decoder that goes with them, where that of the bundle computes in integers. */
  vaeDecoder: z.string().optional(),
  /** PSNR in decibels against the source model, on calibration images and the runtime of the optimization. */
  calibrationPsnr: z.number().nullable(),
});

/** Graphs of a further size; schedule, corrections and everything else are those of the first. */
const sizeSchema = z.object({
  /** Pixels. */
  width: z.number().int(),
  /** Pixels. */
  height: z.number().int(),
  latentDims: z.array(z.number().int()).length(3),
  full: graphSchema,
  cached: graphSchema,
  /** For the backends of the variant of the same precision. */
  variants: z.array(
    z.object({
      precision: z.enum(['float32', 'float16']),
      full: graphSchema,
      cached: graphSchema,
      largestTensorBytes: z.number().int(),
    }),
  ),
  /** Mean PSNR in decibels against the source model at this size, on so many held-out images. */
  psnr: z.number(),
  images: z.number().int(),
});

const manifestSchema = z.object({
  formatVersion: READ_VERSIONS,
  createdBy: z.string(),
  createdAt: z.string(),
  source: z.object({
    name: z.string(),
    fingerprint: z.string(),
    denoiserBytes: z.number(),
    /** On the Hugging Face Hub, with the commit; left out for models from elsewhere. */
    id: z.string().optional(),
    revision: z.string().optional(),
    /** As the model's card or file names it. */
    license: z.string().optional(),
    /** LoRAs that were merged into the model. */
    adapters: z.array(z.object({ name: z.string(), strength: z.number() })).optional(),
  }),
  cut: z.object({ id: z.string(), kind: z.string(), cachedShare: z.number(), dims: z.array(z.number()) }),
  denoiser: z.object({
    full: graphSchema,
    cached: graphSchema,
    batch: z.number().int(),
    /** Over the same weights, for backends without integer kernels; bundles of earlier versions have none. */
    variants: z.array(variantSchema).default([]),
  }),
  sampler: z.object({
    name: z.string(),
    steps: z.number().int(),
    calls: z.number().int(),
    /** Beside its configuration, how its runs were laid out; see `SamplerLayout`. */
    imageTokens: z.number().positive().optional(),
    evenSigmas: z.boolean().optional(),
    timestepScale: z.number().positive().optional(),
  }),
  guidanceScale: z.number(),
  latentDims: z.array(z.number().int()).length(3),
  /** Further sizes beside that of `latentDims`; most bundles, and those of earlier versions, have none. */
  sizes: z.array(sizeSchema).default([]),
  schedule: z.preprocess(
    earlierNames({ refreshSteps: 'refreshCalls' }),
    z.object({
      kind: z.string(),
      interval: z.number().int(),
      /** Counted among all calls of the sampler. */
      refreshCalls: z.array(z.number().int()).min(1),
      /** Those of them that compute the conditional half of guidance alone; left out: none. */
      conditionalRefreshes: z.array(z.number().int()).optional(),
      /** Of the calls that a run makes; left out: all of the sampler's. */
      timesteps: z.array(z.number()).min(1).optional(),
    }),
  ),
  corrections: z.preprocess(
    earlierNames({ guidanceReach: 'guidanceExtrapolation' }),
    z.object({
      cache: z.enum(['none', 'paper', 'forecast']),
      anchors: z.union([z.literal(1), z.literal(2)]),
      /** Outputs of layers, per call and channel. */
      quantization: z.boolean(),
      /** Weight of the prediction before in that of each call; bundles of earlier versions, and others, have none. */
      smoothing: z.array(z.number()).optional(),
      /** Whether cached calls compute the unconditional half; bundles of earlier versions do. */
      guidance: z.enum(['computed', 'forecast']).default('computed'),
      /** How much of its last change the forecast adds at each call; left out: half of the line through the last two. */
      guidanceExtrapolation: z.array(z.number()).optional(),
    }),
  ),
  bits: z.object({
    weights: z.number(),
    activations: z.number(),
    target: z.enum(['portable', 'vnni', 'qdq', 'float']),
  }),
  layers: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      macs: z.number(),
      compute: z.string(),
      storage: z.string(),
      reason: z.string(),
    }),
  ),
  /** What became of the decoder and the text encoder; bundles of earlier versions do not say. */
  components: z
    .array(
      z.object({
        name: z.string(),
        form: z.string(),
        reason: z.string(),
        sourceBytes: z.number(),
        bytes: z.number(),
      }),
    )
    .default([]),
  /** Red, green, blue out of latent channels and an offset, for previews; earlier versions did not fit it. */
  preview: z.array(z.array(z.number())).length(3).optional(),
  /** What it was calibrated with, beside sampler and guidance scale; bundles of earlier versions do not say. */
  calibration: z
    .object({
      negativePrompt: z.string(),
      words: z.array(z.string()),
      /** Of a model with a ControlNet. */
      controlScale: z.number().optional(),
    })
    .optional(),
  /**
   * Where each conditioning input comes from: which encoder and output, which field of the request, which constant. Bundles of
   * format 1 have none, nor those of families that are code: these run where their family is known.
   */
  conditioning: conditioningRecipeSchema.optional(),
  /** How prompts are read, where that is not as the model's own pipeline does it. */
  prompts: z
    .object({
      clipSkip: z.number().int().optional(),
      weights: z.boolean().optional(),
      chunks: z.number().int().optional(),
      padChunks: z.boolean().optional(),
    })
    .optional(),
  /** What was measured away from that. */
  offCalibration: offCalibrationsSchema.default([]),
  /** Every file of the bundle but the manifest; bundles of earlier versions do not list verification and report. */
  files: z.record(z.string(), z.object({ bytes: z.number().int(), sha256: z.string() })),
  /** Of the manifest without this field, as `sealManifest` writes it; bundles of earlier versions have none. */
  sha256: z.string().optional(),
});

/** Graphs of a bundle for other backends. */
export type BundleVariant = z.output<typeof variantSchema>;

/** Graphs of a bundle for another picture size. */
export type BundleSize = z.output<typeof sizeSchema>;

/** What a bundle is and how its parts go together. */
export type BundleManifest = z.output<typeof manifestSchema>;

/** Reads and checks a manifest; the files it lists are not looked at. */
export async function readManifest(storage: Storage): Promise<BundleManifest> {
  return readManifestIn(await bundleFolder(storage));
}

async function readManifestIn(storage: Storage): Promise<BundleManifest> {
  const where = storage.locate?.(MANIFEST) ?? MANIFEST;
  if (!(await storage.stat(MANIFEST))) {
    throw new CacheQuantError('bundle', 'the folder holds no bundle', {
      where,
      hint: 'Give the folder that `cachequant optimize` wrote.',
    });
  }
  const json = parseManifest(await readText(storage, MANIFEST), where);
  const version = (json as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === 'number' && version > FORMAT_VERSION) {
    throw new CacheQuantError('bundle', 'the bundle was written by a newer version', {
      where,
      expected: `format ${FORMAT_VERSION} or older`,
      got: `format ${version}`,
      hint: 'Update cachequant, or optimize the model again.',
    });
  }
  requireSeal(json, where);
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return requireGraphs(parsed.data, where);
  const issue = parsed.error.issues[0]!;
  throw new CacheQuantError('bundle', `the manifest is damaged: ${issue.message}`, {
    where: `${where}, ${issue.path.join('.')}`,
    hint: 'Optimize the model again.',
  });
}

/** The text of a manifest, with its own hash. */
export function sealManifest(
  manifest: Omit<BundleManifest, 'sha256'> & { readonly sha256?: unknown },
): string {
  const { sha256: _, ...content } = JSON.parse(JSON.stringify(manifest)) as Record<string, unknown>;
  return `${JSON.stringify({ ...content, sha256: hashText(JSON.stringify(content)) }, null, 2)}\n`;
}

/** Tells a manifest that was altered or cut; whoever alters it on purpose can write the hash as well. */
function requireSeal(json: unknown, where: string): void {
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, 'sha256')) return;
  const { sha256, ...content } = json as Record<string, unknown>;
  const found = hashText(JSON.stringify(content));
  if (found === sha256) return;
  throw new CacheQuantError('bundle', 'the manifest is not the one that was written', {
    where,
    expected: `SHA-256 ${String(sha256).slice(0, 12)}…`,
    got: `${found.slice(0, 12)}…`,
    hint: 'Copy the bundle again, or optimize the model again.',
  });
}

/** Graphs that are not listed would be opened unchecked. */
function requireGraphs(manifest: BundleManifest, where: string): BundleManifest {
  const { full, cached, variants } = manifest.denoiser;
  const pairs = [...variants, ...manifest.sizes, ...manifest.sizes.flatMap((size) => size.variants)];
  const graphs = [full, cached, ...pairs.flatMap((pair) => [pair.full, pair.cached])];
  const decoders = variants.flatMap(({ vaeDecoder }) => (vaeDecoder ? [{ file: vaeDecoder }] : []));
  const missing = [...graphs, ...decoders].find(({ file }) => !Object.hasOwn(manifest.files, file));
  if (missing === undefined) return manifest;
  throw new CacheQuantError('bundle', 'the manifest is damaged: a graph is not among its files', {
    where,
    got: missing.file,
    hint: 'Optimize the model again.',
  });
}

function parseManifest(text: string, where: string): unknown {
  try {
    return parseJson(text, where);
  } catch (cause) {
    throw new CacheQuantError('bundle', 'the manifest is not JSON', {
      where,
      hint: 'Optimize the model again.',
      cause,
    });
  }
}
