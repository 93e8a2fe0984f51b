import { medianOf, type RgbImage } from '@cachequant/evaluate';
import type { Conditioning } from '@cachequant/pipeline';
import { type Runtime, throwIfAborted } from '@cachequant/tensor';
import type { CalibrationContext, PreparedImage } from '../calibration-context.js';
import type { OpenRecipe } from '../recipe.js';
import type { FittedFeeds } from './calibration-feeds.js';
import type { PreparedControl } from './control-images.js';
import { DEFAULT_PROMPTS } from './default-prompts.js';
import type { GivenConditioning } from './given-conditioning.js';
import {
  type DrawnSubject,
  type ImageConditioning,
  type ImageEncoder,
  withImageEncoder,
} from './image-conditioning.js';
import { type InpaintingInputs, withInpaintingInputs, withText } from './inpainting-inputs.js';
import type { PreparedSource } from './prepare-source.js';

/** What images are conditioned on beside what the model's family says. */
export interface ImageOptions {
  readonly signal?: AbortSignal | undefined;
  readonly given?: GivenConditioning | undefined;
  readonly control?: PreparedControl | undefined;
  readonly feeds?: FittedFeeds | undefined;
}

/** What images take in turn beside their subjects. */
interface ImageSources {
  readonly controls?: readonly RgbImage[] | undefined;
  readonly fed?: readonly Conditioning[] | undefined;
}

/** Conditioning of the calibration and verification images; the text encoders are freed before it returns. */
export async function prepareImages(
  prepared: Pick<PreparedSource, 'conditioning' | 'folder' | 'further' | 'latentDims' | 'pictureSize'>,
  runtime: Runtime,
  recipe: OpenRecipe,
  { signal, given, control, feeds }: ImageOptions,
): Promise<Pick<CalibrationContext, 'calibration' | 'verification' | 'textEncoderMs'>> {
  const { conditioning } = prepared;
  if (given || !conditioning) return givenImages(given!, recipe);
  const { takesText } = conditioning.family;
  const { seen, heldOut } = subjectsOf(conditioning, recipe);
  const times = new Map<string, number>();
  const prepare = async (encode: ImageEncoder, inputs: InpaintingInputs) => {
    const images = async (
      { count, seed }: Count,
      subjects: readonly DrawnSubject[],
      { controls = [], fed = [] }: ImageSources,
    ): Promise<PreparedImage[]> => {
      const made: PreparedImage[] = [];
      for (let i = 0; i < count; i++) {
        throwIfAborted(signal);
        const controlImage = controls[i % controls.length];
        const subject = { ...subjects[i % subjects.length]!, ...(controlImage && { controlImage }) };
        const start = performance.now();
        const encoded = await encode(subject);
        if (!times.has(subject.prompt)) times.set(subject.prompt, performance.now() - start);
        const own = { ...subject, seed: seed + i, inpainting: await inputs(seed + i) };
        const asked = { ...encoded, conditioning: { ...encoded.conditioning, ...fed[i % fed.length] } };
        made.push(withText({ ...own, ...asked }, asked));
      }
      return made;
    };
    const counts = countsOf(recipe);
    return {
      calibration: await images(counts.calibration, seen, { controls: control?.seen, fed: feeds?.seen }),
      verification: await images(counts.verification, heldOut, {
        controls: control?.heldOut,
        fed: feeds?.heldOut,
      }),
    };
  };
  const images = await withInpaintingInputs(
    prepared,
    runtime,
    (inputs) => withImageEncoder(conditioning, runtime, (encode) => prepare(encode, inputs), { signal }),
    signal,
  );
  return { ...images, textEncoderMs: takesText ? medianOf([...times.values()]) : 0 };
}

/** What calibration draws, and what the verification does, in turn. */
function subjectsOf(
  model: ImageConditioning,
  recipe: OpenRecipe,
): { seen: readonly DrawnSubject[]; heldOut: readonly DrawnSubject[] } {
  const { family } = model;
  if (family.takesText) {
    const { seen, heldOut } = splitPrompts(recipe);
    return { seen: seen.map((prompt) => ({ prompt })), heldOut: heldOut.map((prompt) => ({ prompt })) };
  }
  const classes = family.classes?.(model);
  if (classes === undefined) return { seen: [{ prompt: '' }], heldOut: [{ prompt: '' }] };
  const labels = recipe.classLabels ?? spreadLabels(classes);
  const subjects = labels.map((classLabel) => ({ prompt: '', classLabel }));
  return { seen: subjects, heldOut: subjects.toReversed() };
}

/** Up to so many classes are calibrated with. */
const MOST_CLASSES = 64;

/** Classes at equal distances, in an order whose beginning is spread as well. */
function spreadLabels(classes: number): number[] {
  const count = Math.min(classes, MOST_CLASSES);
  const golden = (Math.sqrt(5) - 1) / 2;
  const labels = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * classes) / count));
  const order = (i: number) => (i * golden) % 1;
  return [...labels.keys()].sort((a, b) => order(a) - order(b)).map((i) => labels[i]!);
}

/** Images to prepare, and the seed of the first. */
interface Count {
  readonly count: number;
  readonly seed: number;
}

function givenImages({ forSeed, unconditional }: GivenConditioning, recipe: OpenRecipe) {
  const images = ({ count, seed: first }: Count): PreparedImage[] =>
    Array.from({ length: count }, (_, i) => {
      const seed = first + i;
      return { prompt: '', seed, conditioning: forSeed(seed), unconditional };
    });
  const { calibration, verification } = countsOf(recipe);
  return { calibration: images(calibration), verification: images(verification), textEncoderMs: 0 };
}

/** Calibration never sees a seed of the verification. */
function countsOf({ calibrationImages, verificationImages, comparisonImages, seed }: OpenRecipe) {
  return {
    calibration: { count: calibrationImages, seed: 1_000_000 + seed },
    verification: { count: Math.max(verificationImages, comparisonImages), seed: 2_000_000 + seed },
  };
}

/** Prompts that calibration sees, and others for the verification. */
function splitPrompts({ prompts = [...DEFAULT_PROMPTS], verificationPrompts }: OpenRecipe) {
  if (verificationPrompts) return { seen: prompts, heldOut: verificationPrompts };
  if (prompts.length < 4) return { seen: prompts, heldOut: prompts };
  return { seen: prompts.filter((_, i) => i % 4 !== 3), heldOut: prompts.filter((_, i) => i % 4 === 3) };
}
