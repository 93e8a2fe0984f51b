import { medianOf } from '@cachequant/evaluate';
import { isGuided, loadPromptEncoder } from '@cachequant/pipeline/internals';
import { type Runtime, type Tensor, throwIfAborted } from '@cachequant/tensor';
import type { Laboratory, PreparedImage } from '../laboratory.js';
import type { Recipe } from '../recipe.js';
import { DEFAULT_PROMPTS } from './default-prompts.js';
import type { GivenConditioning } from './given-conditioning.js';
import type { PreparedSource } from './prepare.js';

/** Conditioning of the calibration and verification images; the text encoder is freed before it returns. */
export async function prepareImages(
  { folder, inputs, guidanceScale }: PreparedSource,
  runtime: Runtime,
  recipe: Recipe,
  {
    signal,
    given,
  }: { readonly signal?: AbortSignal | undefined; readonly given?: GivenConditioning | undefined },
): Promise<Pick<Laboratory, 'calibration' | 'verification' | 'textEncoderMs'>> {
  if (given) return givenImages(given, recipe);
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
    const unconditional = isGuided(guidanceScale) ? await encode(recipe.negativePrompt) : undefined;
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
    const { calibration: first, verification: second } = countsOf(recipe);
    const calibration = await images(first.count, seen, first.seed);
    const verification = await images(second.count, heldOut, second.seed);
    return { calibration, verification, textEncoderMs: times.size > 0 ? medianOf([...times.values()]) : 0 };
  } finally {
    await encoder?.dispose();
  }
}

function givenImages({ forSeed, unconditional }: GivenConditioning, recipe: Recipe) {
  const images = ({ count, seed: first }: { count: number; seed: number }): PreparedImage[] =>
    Array.from({ length: count }, (_, i) => {
      const seed = first + i;
      return { prompt: '', seed, conditioning: forSeed(seed), unconditional };
    });
  const { calibration, verification } = countsOf(recipe);
  return { calibration: images(calibration), verification: images(verification), textEncoderMs: 0 };
}

/** Calibration never sees a seed of the verification. */
function countsOf({ calibrationImages, verificationImages, comparisonImages, seed }: Recipe) {
  return {
    calibration: { count: calibrationImages, seed: 1_000_000 + seed },
    verification: { count: Math.max(verificationImages, comparisonImages), seed: 2_000_000 + seed },
  };
}

/** Prompts that calibration sees, and others for the verification. */
function splitPrompts({ prompts = [...DEFAULT_PROMPTS], verificationPrompts }: Recipe) {
  if (verificationPrompts) return { seen: prompts, heldOut: verificationPrompts };
  if (prompts.length < 4) return { seen: prompts, heldOut: prompts };
  return { seen: prompts.filter((_, i) => i % 4 !== 3), heldOut: prompts.filter((_, i) => i % 4 === 3) };
}
