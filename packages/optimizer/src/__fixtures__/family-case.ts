import type { GenerationRequest } from '@cachequant/pipeline';
import type { Runtime, Storage } from '@cachequant/tensor';
import type { PreparedImage } from '../calibration-context.js';
import type { ControlImages } from '../prepare/control-images.js';
import type { OptimizeOptions } from '../recipe.js';

/** What the matching pipeline of diffusers makes of a request, with the same weights. */
export interface GoldenPicture {
  readonly request: GenerationRequest;
  /** Final latents, or pixels of a model without a decoder, in their order. */
  readonly latents: readonly number[];
  /** From 0 to 255, by rows of red, green and blue; left out: the latents alone are compared. */
  readonly picture?: readonly number[];
}

/** Input that a family has to refuse. */
export interface Refusal {
  /** As the table says it: "a size that is no multiple of 16". */
  readonly what: string;
  readonly run: (model: {
    readonly source: Storage;
    readonly bundle: Storage;
    readonly runtime: Runtime;
  }) => Promise<unknown>;
  readonly error: RegExp;
}

/** A family of models, as one tiny model of it goes the whole way. */
export interface FamilyCase {
  /** Name of the row's file in `results/families/`, and its place in the table. */
  readonly id: string;
  /** As the table names it. */
  readonly family: string;
  /** The class of diffusers that makes the same pictures. */
  readonly pipeline: string;
  /** What a request gives: "a prompt, a negative prompt", "nothing". */
  readonly asks: string;
  readonly source: Storage;
  readonly golden: readonly GoldenPicture[];
  /** Beyond those that all families run with. */
  readonly options?: OptimizeOptions;
  /** What a ControlNet follows in the calibration. */
  readonly controlImages?: ControlImages;
  /** What asks for a calibration's image again; left out: its prompt and its seed. */
  readonly requestOf?: (image: PreparedImage) => GenerationRequest;
  /** Least PSNR in decibels of the bundle's pictures against the float model's. */
  readonly leastPsnr: number;
  readonly refusals: readonly Refusal[];
}
