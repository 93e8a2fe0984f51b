import type { RgbImage } from '@cachequant/evaluate';
import {
  type ConditionedModel,
  type Conditioning,
  type ConditioningEncoder,
  type ConditioningFamily,
  type OpenConditioningContext,
  openConditioning,
  type PromptOptions,
} from '@cachequant/pipeline';
import type { Runtime } from '@cachequant/tensor';

/** How the model's images are conditioned, before its text encoders are loaded. */
export interface ImageConditioning extends ConditionedModel {
  readonly family: ConditioningFamily;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  readonly guidanceScale: number;
  /** Whether there is an unconditional half to compute. */
  readonly guided: boolean;
  readonly negativePrompt: string;
  readonly prompts: PromptOptions;
  /** How closely a ControlNet is followed. */
  readonly controlScale: number;
}

/** Both halves of what an image is conditioned on. */
export interface EncodedImage {
  readonly conditioning: Conditioning;
  readonly unconditional: Conditioning | undefined;
}

/**
 * Loads the text encoders for as long as `use` takes.
 * @param load in place of the folder's own graphs
 */
export async function withImageEncoder<T>(
  model: ImageConditioning,
  runtime: Runtime,
  use: (encode: ImageEncoder) => Promise<T>,
  { load, signal }: { load?: OpenConditioningContext['load']; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const encoder = await openConditioning(model, runtime, load);
  try {
    return await use(imageEncoder(model, encoder, signal));
  } finally {
    await encoder.dispose();
  }
}

/** What an image shows. */
export interface DrawnSubject {
  /** Empty for a model that takes no text. */
  readonly prompt: string;
  readonly classLabel?: number | undefined;
  /** Of a model with a ControlNet. */
  readonly controlImage?: RgbImage | undefined;
}

/** What else to encode an image with than the model's images usually are. */
export interface OtherRequest {
  readonly negativePrompt?: string;
  readonly guidanceScale?: number;
}

export type ImageEncoder = (subject: DrawnSubject, other?: OtherRequest) => Promise<EncodedImage>;

/** Encodes images with an encoder that is open. */
export function imageEncoder(
  { width, height, guided, negativePrompt, guidanceScale, controlScale, family }: ImageConditioning,
  encoder: ConditioningEncoder,
  signal?: AbortSignal,
): ImageEncoder {
  return async ({ prompt, classLabel, controlImage }, other = {}) => {
    const text = family.takesText ? prompt : undefined;
    const usual = { negativePrompt, guidanceScale, width, height };
    const control = controlImage && { image: controlImage, scale: controlScale };
    const request = { prompt: text, classLabel, control, ...usual, ...other };
    return {
      conditioning: await encoder.encode(request, 'conditional', { signal }),
      unconditional: guided ? await encoder.encode(request, 'unconditional', { signal }) : undefined,
    };
  };
}
