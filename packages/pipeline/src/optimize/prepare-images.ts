import { type Runtime, type Tensor, throwIfAborted } from '@cachequant/tensor';
import { loadPromptEncoder } from '../generate/generator-parts.js';
import { DEFAULT_PROMPTS } from './default-prompts.js';
import type { Laboratory, PreparedImage } from './laboratory.js';
import type { PreparedSource } from './prepare.js';
import type { Recipe } from './recipe.js';
import { medianOf } from './statistics.js';

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
    const images = async (
      count: number,
      list: readonly string[],
      firstSeed: number,
    ): Promise<PreparedImage[]> => {
      const made: PreparedImage[] = [];
      for (let i = 0; i < count; i++) {
        const prompt = list[i % list.length]!;
        made.push({ prompt, seed: firstSeed + i, conditioning: await encode(prompt), unconditional });
      }
      return made;
    };
    const calibration = await images(recipe.calibrationImages, seen, 1_000_000 + recipe.seed);
    const verification = await images(
      Math.max(recipe.verificationImages, recipe.comparisonImages),
      heldOut,
      2_000_000 + recipe.seed,
    );
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
