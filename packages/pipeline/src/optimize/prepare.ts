import { readModel, type OnnxModel } from '@cachequant/onnx';
import { createSampler, type Sampler } from '@cachequant/samplers';
import { CacheQuantError, type Runtime, type Storage, type Tensor } from '@cachequant/tensor';
import { refreshesFor } from '@cachequant/scheduler';
import { type DenoiserInputs, findDenoiserInputs } from '../generate/denoiser-inputs.js';
import { loadPromptEncoder } from '../generate/generator-parts.js';
import { vaeFactor } from '../generate/latent-decoder.js';
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

/** @throws CacheQuantError for a folder that is no model, a sampler that is not there, sizes that cannot be */
export async function prepareSource(source: Storage, recipe: Recipe): Promise<PreparedSource> {
  const folder = await openModelFolder(source);
  const model = await readModel(source, folder.denoiser.model);
  const declared = model.graph.inputs
    .filter((input) => !model.graph.initializers.has(input.name))
    .map(({ name, dtype, dims }) => ({ name, dtype: dtype ?? 'float32', dims: dims ?? [] }) as const);
  const inputs = findDenoiserInputs(declared);
  const steps = recipe.steps ?? folder.index?.num_inference_steps ?? 50;
  const sampler = createSampler(folder.scheduler, { steps, ...(recipe.sampler && { sampler: recipe.sampler }) });
  const guidanceScale = folder.textEncoder
    ? (recipe.guidanceScale ?? folder.index?.guidance_scale ?? DEFAULT_GUIDANCE)
    : 1;
  const refreshes = recipe.refreshes ?? refreshesFor(sampler.steps, recipe.interval);
  requireFeasible(recipe, sampler, refreshes);
  return {
    folder,
    model,
    sampler,
    guidanceScale,
    latentDims: latentDimsOf(folder, recipe),
    refreshes,
    inputs,
    batch: guidanceScale === 1 ? 1 : 2,
  };
}

function requireFeasible({ interval }: Recipe, { steps, calls }: Sampler, refreshes: number): void {
  if (refreshes <= calls && 2 * interval <= calls) return;
  throw new CacheQuantError('infeasible-schedule', 'the interval does not fit the number of network calls', {
    where: 'option interval',
    expected: `an interval up to ${Math.max(1, Math.floor(calls / 2))} for ${steps} steps (${calls} calls), and no more refreshes than calls`,
    got: `interval ${interval}, ${refreshes} refreshes`,
  });
}

function latentDimsOf(folder: ModelFolder, { width, height }: Recipe): [number, number, number] {
  const { in_channels, sample_size: sampleSize } = folder.denoiser.config;
  const [defaultHeight, defaultWidth] = typeof sampleSize === 'number' ? [sampleSize, sampleSize] : (sampleSize ?? [64, 64]);
  const factor = folder.vaeDecoder ? vaeFactor(folder.vaeDecoder.config) : 1;
  return [
    in_channels ?? 4,
    latentSize('height', height, factor) ?? defaultHeight!,
    latentSize('width', width, factor) ?? defaultWidth!,
  ];
}

function latentSize(name: string, pixels: number | undefined, factor: number): number | undefined {
  if (pixels === undefined) return undefined;
  if (pixels % (factor * 8) === 0 || pixels % factor === 0) return pixels / factor;
  throw new CacheQuantError('invalid-argument', `the ${name} does not divide into latents`, {
    where: `option ${name}`,
    expected: `a multiple of ${factor}`,
    got: String(pixels),
  });
}

/** Conditioning of the calibration and verification images; the text encoder is freed before it returns. */
export async function prepareImages(
  { folder, inputs, guidanceScale }: PreparedSource,
  runtime: Runtime,
  recipe: Recipe,
): Promise<Pick<Laboratory, 'calibration' | 'verification' | 'textEncoderMs'>> {
  const { seen, heldOut } = splitPrompts(folder.textEncoder ? recipe : { ...recipe, prompts: [''] });
  const encoder = await loadPromptEncoder(folder, runtime);
  const times: number[] = [];
  const conditioningName = inputs.conditioning[0];
  const encode = async (text: string): Promise<Record<string, Tensor>> => {
    if (!encoder || conditioningName === undefined) return {};
    const start = performance.now();
    const { hiddenStates } = await encoder.encode(text);
    times.push(performance.now() - start);
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
    const verification = await images(recipe.verificationImages, heldOut, 2_000_000 + recipe.seed);
    return { calibration, verification, textEncoderMs: times.length > 0 ? medianOf(times) : 0 };
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
