import { readModel, type OnnxModel } from '@cachequant/onnx';
import { createSampler, type Sampler } from '@cachequant/samplers';
import { CacheQuantError, type Runtime, type Storage, type Tensor, type TensorInfo, throwIfAborted } from '@cachequant/tensor';
import { refreshesFor } from '@cachequant/scheduler';
import { type DenoiserInputs, findDenoiserInputs } from '../generate/denoiser-inputs.js';
import { loadPromptEncoder } from '../generate/generator-parts.js';
import { vaeFactor } from '../generate/latent-decoder.js';
import { sampleGeometry, sampleShape } from '../generate/sample-geometry.js';
import { type ModelFolder, openModelFolder } from '../model/model-folder.js';
import { DEFAULT_PROMPTS } from './default-prompts.js';
import type { Laboratory, PreparedImage } from './laboratory.js';
import type { Recipe } from './recipe.js';
import { medianOf } from './statistics.js';

/** Everything about the source model that the stages need, read but not run. */
export interface PreparedSource {
  readonly folder: ModelFolder;
  readonly model: OnnxModel;
  readonly sampler: Sampler;
  readonly guidanceScale: number;
  readonly latentDims: readonly [number, number, number];
  readonly refreshes: number;
  readonly inputs: DenoiserInputs;
  /** 2 with guidance, which runs both halves as one batch. */
  readonly batch: number;
}

const DEFAULT_GUIDANCE = 7.5;
const BUNDLED_DENOISER = 'denoiser/full.onnx';

/** @throws CacheQuantError for a folder that is no model, a sampler that is not there, sizes that cannot be */
export async function prepareSource(source: Storage, recipe: Recipe): Promise<PreparedSource> {
  const folder = await openModelFolder(source);
  requireFloatSource(folder);
  const model = await readModel(source, folder.denoiser.model);
  const declared = model.graph.inputs
    .filter((input) => !model.graph.initializers.has(input.name))
    .map(({ name, dtype, dims }) => ({ name, dtype: dtype ?? 'float32', dims: dims ?? [] }) as const);
  const inputs = findDenoiserInputs(declared);
  requireConditioning(folder, inputs);
  requireText(folder, recipe);
  const steps = recipe.steps ?? folder.index?.num_inference_steps ?? 50;
  const sampler = createSampler(folder.scheduler ?? {}, { steps, ...(recipe.sampler && { sampler: recipe.sampler }) });
  const guidanceScale = folder.textEncoder
    ? (recipe.guidanceScale ?? folder.index?.guidance_scale ?? DEFAULT_GUIDANCE)
    : 1;
  const refreshes = recipe.refreshes ?? refreshesFor(sampler.steps, recipe.interval);
  requireFeasible(recipe, sampler, refreshes);
  const batch = guidanceScale === 1 ? 1 : 2;
  const sample = declared.find(({ name }) => name === inputs.sample)!;
  requireBatch(sample, batch);
  const factor = folder.vaeDecoder ? vaeFactor(folder.vaeDecoder.config) : 1;
  const geometry = sampleGeometry(sample, folder.denoiser.config, factor);
  return {
    folder,
    model,
    sampler,
    guidanceScale,
    latentDims: sampleShape(geometry, recipe.width, recipe.height),
    refreshes,
    inputs,
    batch,
  };
}

/** Refuses what none of the recipe's schedules could keep to, before hours are spent on calibration. */
function requireFeasible(
  { interval, refreshes: asked, schedules }: Recipe,
  { steps, calls }: Sampler,
  refreshes: number,
): void {
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
    hint: 'Take more steps, or another interval.',
  });
}

function requireFloatSource({ denoiser, storage }: ModelFolder): void {
  if (denoiser.model !== BUNDLED_DENOISER) return;
  throw new CacheQuantError('invalid-argument', 'the folder is a bundle, which is optimized already', {
    where: storage.locate?.(denoiser.model) ?? denoiser.model,
    hint: 'Give the model folder that the bundle was made from.',
  });
}

function requireConditioning({ textEncoder }: ModelFolder, { conditioning }: DenoiserInputs): void {
  if (conditioning.length <= (textEncoder ? 1 : 0)) return;
  throw new CacheQuantError('unsupported', 'the denoiser is conditioned on what nothing here makes', {
    where: 'denoiser inputs',
    expected: textEncoder ? 'one input for the hidden states of a prompt' : 'none without a text encoder',
    got: conditioning.join(', '),
  });
}

function requireBatch({ name, dims }: TensorInfo, batch: number): void {
  if (typeof dims[0] !== 'number' || dims[0] === batch) return;
  throw new CacheQuantError('unsupported', 'the denoiser takes another number of images at once', {
    where: `denoiser input ${name}`,
    expected: `an open batch, or ${batch}${batch === 2 ? ' for both halves of guidance' : ''}`,
    got: String(dims[0]),
    hint: 'Export the model with a dynamic batch.',
  });
}

function requireText({ textEncoder }: ModelFolder, { prompts, verificationPrompts }: Recipe): void {
  if (textEncoder || !(prompts ?? verificationPrompts)) return;
  throw new CacheQuantError('invalid-argument', 'the model takes no text', { where: 'option prompts' });
}

/** Conditioning of the calibration and verification images; the text encoder is freed before it returns. */
export async function prepareImages(
  { folder, inputs, guidanceScale }: PreparedSource,
  runtime: Runtime,
  recipe: Recipe,
  signal?: AbortSignal,
): Promise<Pick<Laboratory, 'calibration' | 'verification' | 'textEncoderMs'>> {
  const { seen, heldOut } = folder.textEncoder ? splitPrompts(recipe) : { seen: [''], heldOut: [''] };
  const encoder = await loadPromptEncoder(folder, runtime);
  const times = new Map<string, number>();
  const conditioningName = inputs.conditioning[0];
  const encode = async (text: string): Promise<Record<string, Tensor>> => {
    if (!encoder || conditioningName === undefined) return {};
    throwIfAborted(signal);
    const start = performance.now();
    const { hiddenStates } = await encoder.encode(text, signal);
    if (!times.has(text)) times.set(text, performance.now() - start);
    return { [conditioningName]: hiddenStates };
  };
  try {
    const unconditional = guidanceScale === 1 ? undefined : await encode(recipe.negativePrompt);
    const images = async (count: number, list: readonly string[], firstSeed: number): Promise<PreparedImage[]> => {
      const made: PreparedImage[] = [];
      for (let i = 0; i < count; i++) {
        const prompt = list[i % list.length]!;
        made.push({ prompt, seed: firstSeed + i, conditioning: await encode(prompt), unconditional });
      }
      return made;
    };
    const calibration = await images(recipe.calibrationImages, seen, 1_000_000 + recipe.seed);
    const verification = await images(Math.max(recipe.verificationImages, recipe.comparisonImages), heldOut, 2_000_000 + recipe.seed);
    return { calibration, verification, textEncoderMs: times.size > 0 ? medianOf([...times.values()]) : 0 };
  } finally {
    await encoder?.dispose();
  }
}

/** Prompts that calibration sees, and others for the verification. */
function splitPrompts({ prompts = [...DEFAULT_PROMPTS], verificationPrompts }: Recipe) {
  if (verificationPrompts) return { seen: prompts, heldOut: verificationPrompts };
  if (prompts.length < 4) return { seen: prompts, heldOut: prompts };
  return { seen: prompts.filter((_, i) => i % 4 !== 3), heldOut: prompts.filter((_, i) => i % 4 === 3) };
}

/** Shapes of the denoiser's inputs at the batch that calibration runs. */
export function denoiserDims(
  { model, inputs, latentDims, batch }: PreparedSource,
  image: PreparedImage,
): Record<string, number[]> {
  const dims: Record<string, number[]> = { [inputs.sample]: [batch, ...latentDims] };
  for (const { name, dims: declared } of model.graph.inputs) {
    if (name === inputs.timestep) dims[name] = (declared ?? []).map((dim) => (typeof dim === 'number' ? dim : batch));
    const conditioning = image.conditioning[name];
    if (conditioning) dims[name] = [batch, ...conditioning.dims.slice(1)];
  }
  return dims;
}
