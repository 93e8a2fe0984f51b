import { type OnnxModel, readModel, widenWeights } from '@cachequant/onnx';
import {
  type ConditioningFamily,
  type ConditioningRecipe,
  conditioningFamily,
  type DenoiserInputs,
  type ModelFolder,
  openModelFolder,
  type PromptOptions,
} from '@cachequant/pipeline';
import {
  FURTHER_CHANNELS,
  findDenoiserInputs,
  generationDefaults,
  imageTokens,
  isGuided,
  layOutSampler,
  packedDims,
  requireClass,
  requireReadDecoder,
  type SamplerLayout,
  sampleGeometry,
  sampleShape,
  takesPackedLatents,
  vaeFactor,
} from '@cachequant/pipeline/internals';
import type { Sampler } from '@cachequant/samplers';
import { CacheQuantError, type Storage, type TensorInfo } from '@cachequant/tensor';
import type { PreparedImage } from '../calibration-context.js';
import { refreshesAt } from '../candidates/model-variants.js';
import type { OpenRecipe, Recipe } from '../recipe.js';
import { type PictureSize, sizesOf } from '../sizes/picture-size.js';
import { chooseInterval } from './choose-interval.js';
import type { GivenConditioning } from './given-conditioning.js';
import type { ImageConditioning } from './image-conditioning.js';
import { requireOptimizable } from './require-optimizable.js';
import { requireSearchable } from './require-searchable.js';
import { splitSample } from './split-sample.js';

/** Everything about the source model that the stages need, read but not run. */
export interface PreparedSource {
  /** With what the model decides. */
  readonly recipe: Recipe;
  /** On what was decided. */
  readonly warnings: readonly string[];
  readonly folder: ModelFolder;
  readonly model: OnnxModel;
  readonly sampler: Sampler;
  readonly samplerLayout: SamplerLayout;
  /** The sampler with timesteps of one's own, descending, in place of its spacing. */
  readonly samplerAt: (timesteps: readonly number[]) => Sampler;
  readonly guidanceScale: number;
  readonly latentDims: readonly [number, number, number];
  readonly refreshes: number;
  readonly inputs: DenoiserInputs;
  /** Undefined where the conditioning is given. */
  readonly conditioning: ImageConditioning | undefined;
  /** The same as data, for the manifest; undefined where the family is code. */
  readonly described: ConditioningRecipe | undefined;
  /** 2 with guidance, which runs both halves as one batch. */
  readonly batch: number;
  /** Channels of the mask and the masked picture, which have an input of their own; 0 for other models. */
  readonly further: number;
  readonly pictureSize: { readonly width: number; readonly height: number };
}

/** What conditions a model, where that is not told by its folder. */
export interface SourceOptions {
  readonly conditioning?: GivenConditioning | undefined;
  /** Families of models beyond those that are known. */
  readonly families?: readonly ConditioningFamily[] | undefined;
  /** Of the pictures; left out: the one that is calibrated. */
  readonly size?: PictureSize | undefined;
}

const BUNDLED_DENOISER = 'denoiser/full.onnx';

/** @throws CacheQuantError for a folder that is no model, a sampler that is not there, sizes that cannot be */
export async function prepareSource(
  source: Storage,
  asked: OpenRecipe,
  { conditioning: given, families, size = sizesOf(asked).main }: SourceOptions = {},
): Promise<PreparedSource> {
  const folder = await openModelFolder(source);
  requireFloatSource(folder);
  requireReadDecoder(folder);
  const { storage, denoiser } = folder;
  const model = widenWeights(await readModel(storage, denoiser.model));
  requireOptimizable(model, storage.locate?.(denoiser.model) ?? denoiser.model);
  const declared = model.graph.inputs
    .filter((input) => !model.graph.initializers.has(input.name))
    .map(({ name, dtype, dims }) => ({ name, dtype: dtype ?? 'float32', dims: dims ?? [] }) as const);
  const inputs = findDenoiserInputs(declared);
  const conditioned = {
    folder,
    inputs: declared.filter(({ name }) => inputs.conditioning.includes(name)),
  };
  const family = given ? undefined : conditioningFamily(conditioned, families);
  if (!(family?.takesText ?? folder.textEncoder)) refuseText(asked);
  const classes = family?.classes?.(conditioned);
  for (const label of asked.classLabels ?? []) requireClass(label, classes, 'option classLabels');
  const defaults = generationDefaults(folder, family);
  const steps = asked.steps ?? defaults.steps;
  const sample = declared.find(({ name }) => name === inputs.sample)!;
  const factor = folder.vaeDecoder ? vaeFactor(folder.vaeDecoder.config) : 1;
  const latentChannels = folder.vaeDecoder?.config.latent_channels;
  const { config } = denoiser;
  const native = config.sample_size ?? family?.sampleSize;
  const geometry = sampleGeometry(
    sample,
    { ...config, ...(native && { sample_size: native }) },
    factor,
    latentChannels,
  );
  const latentDims = sampleShape(geometry, size.width, size.height);
  const samplerLayout = {
    ...family?.sampling,
    ...(folder.scheduler?.use_dynamic_shifting === true && {
      imageTokens: imageTokens(latentDims, sample, config),
    }),
  };
  const layOut = (run: { steps: number } | { timesteps: readonly number[] }) =>
    layOutSampler(
      folder.scheduler ?? {},
      { ...run, ...(asked.sampler && { sampler: asked.sampler }) },
      samplerLayout,
    );
  const sampler = layOut({ steps });
  const { interval, warnings } = chooseInterval(asked, sampler);
  const recipe = { ...asked, interval };
  const samplerAt = (timesteps: readonly number[]) => layOut({ timesteps });
  requireSearchable(recipe, sampler, samplerAt);
  const guided = given ? given.unconditional !== undefined : family!.guided;
  const guidanceScale =
    guided || family?.embedsGuidance ? (recipe.guidanceScale ?? defaults.guidanceScale) : 1;
  const refreshes = recipe.refreshes ?? refreshesAt(sampler, recipe.interval);
  requireFeasible(recipe, sampler, refreshes);
  const hasHalves = guided && isGuided(guidanceScale);
  const batch = hasHalves ? 2 : 1;
  requireBatch(sample, batch);
  const { channels: noisy, further } = geometry;
  if (further > 0) {
    requireTextOfItsOwn(given, sample);
    splitSample(model, inputs.sample, { noisy, further });
  }
  const [, height, width] = latentDims.map((dim) => dim * factor) as [number, number, number];
  return {
    recipe,
    warnings: [...notesOf(recipe, defaults), ...warnings],
    folder,
    model,
    sampler,
    samplerLayout,
    samplerAt,
    guidanceScale,
    latentDims,
    conditioning: family && {
      ...conditioned,
      family,
      width,
      height,
      guidanceScale,
      guided: hasHalves,
      negativePrompt: recipe.negativePrompt,
      prompts: promptsOf(recipe),
      controlScale: recipe.controlScale ?? 1,
    },
    described: family?.describe?.(conditioned),
    refreshes,
    inputs: further > 0 ? { ...inputs, further: FURTHER_CHANNELS } : inputs,
    batch,
    further,
    pictureSize: { width, height },
  };
}

/** All prompts of a bundle have one length, which its graphs are made for. */
function promptsOf({ clipSkip, promptWeights, promptChunks }: OpenRecipe): PromptOptions {
  return { clipSkip, weights: promptWeights === 'read', chunks: promptChunks, padChunks: true };
}

/** Given conditioning says nothing of masks. */
function requireTextOfItsOwn(given: GivenConditioning | undefined, { name }: TensorInfo): void {
  if (given === undefined) return;
  throw new CacheQuantError('unsupported', 'the conditioning of a model for inpainting cannot be given', {
    where: `denoiser input ${name}`,
    expected: 'a folder with the text encoder and the VAE encoder of the model',
  });
}

/** On steps and guidance that the model's folder was guessed to have, where they hold. */
function notesOf({ steps, guidanceScale }: Recipe, { notes }: { readonly notes: readonly string[] }) {
  return steps === undefined || guidanceScale === undefined ? notes : [];
}

/** Refuses what none of the recipe's schedules could keep to, before hours are spent on calibration. */
function requireFeasible(
  { interval, refreshes: asked, schedules }: Recipe,
  { steps, calls }: Sampler,
  refreshes: number,
): void {
  if (interval === 1 && refreshes === calls) return;
  const shortest = schedules.includes('dp') ? Math.ceil(interval / 2) : 1;
  const longest = schedules.includes('quadratic') ? interval : 2 * interval;
  const least = Math.ceil((schedules.includes('quadratic') ? steps : calls) / longest);
  const most = Math.min(calls - 1, Math.floor(calls / shortest));
  if (2 * interval <= calls && refreshes >= least && refreshes <= most) return;
  throw new CacheQuantError('infeasible-schedule', 'no schedule fits the number of network calls', {
    where: asked === undefined ? 'option interval' : 'option refreshes',
    expected:
      2 * interval > calls || least > most
        ? `an interval up to ${Math.max(1, Math.floor(calls / 2))} for ${steps} steps (${calls} calls)`
        : `${least} to ${most} refreshes for ${steps} steps (${calls} calls) at interval ${interval}`,
    got: `interval ${interval}, ${refreshes} refreshes`,
    hint: 'Use more steps, or another interval.',
  });
}

function requireFloatSource({ denoiser, storage }: ModelFolder): void {
  if (denoiser.model !== BUNDLED_DENOISER) return;
  throw new CacheQuantError('invalid-argument', 'the folder is a bundle, which is optimized already', {
    where: storage.locate?.(denoiser.model) ?? denoiser.model,
    hint: 'Give the model folder that the bundle was made from.',
  });
}

function requireBatch({ name, dims }: TensorInfo, batch: number): void {
  if (typeof dims[0] !== 'number' || dims[0] === batch) return;
  throw new CacheQuantError('unsupported', 'the denoiser has another batch size', {
    where: `denoiser input ${name}`,
    expected: `an open batch, or ${batch}${batch === 2 ? ' for both halves of guidance' : ''}`,
    got: String(dims[0]),
    hint: 'Export the model with a dynamic batch.',
  });
}

function refuseText({ prompts, verificationPrompts }: OpenRecipe): void {
  if (!(prompts ?? verificationPrompts)) return;
  throw new CacheQuantError('invalid-argument', 'the model takes no text', { where: 'option prompts' });
}

/** Shapes of the denoiser's inputs at the batch that calibration runs. */
export function denoiserDims(
  { model, inputs, latentDims, batch }: PreparedSource,
  image: PreparedImage,
): Record<string, number[]> {
  const dims: Record<string, number[]> = {};
  for (const { name, dims: declared } of model.graph.inputs) {
    if (name === inputs.sample) dims[name] = sampleDims([batch, ...latentDims], declared ?? []);
    if (name === inputs.timestep)
      dims[name] = (declared ?? []).map((dim) => (typeof dim === 'number' ? dim : batch));
    const conditioning = image.conditioning[name];
    if (!conditioning) continue;
    const rest = conditioning.dims.slice(1);
    // Some inputs have no batch.
    dims[name] = declared?.length === rest.length ? rest : [batch, ...rest];
  }
  return dims;
}

/** As the graph takes latents [B, C, H, W]. */
function sampleDims(latents: [number, number, number, number], declared: readonly unknown[]): number[] {
  return takesPackedLatents({ dims: declared as [] }) ? packedDims(latents) : latents;
}
