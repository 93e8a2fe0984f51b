import type { Generator, LatentPreview } from '@cachequant/pipeline';
import type { AskedSize } from '@cachequant/pipeline/internals';

/** What the server needs of a generator. */
export type PictureGenerator = Pick<Generator, 'defaults' | 'generate' | 'dispose'>;

/** A model in memory. */
export interface LoadedModel {
  readonly generator: PictureGenerator;
  readonly takesText: boolean;
  /** Colours of latents without the decoder; undefined where they were not fitted. */
  readonly preview?: LatentPreview | undefined;
  /** Whether unfinished pictures come from a tiny decoder, which costs little. */
  readonly hasTinyDecoder?: boolean;
  /** Of a picture for each latent, in each direction. */
  readonly pixelsPerLatent: number;
  /** The size at which a picture is changed; left out: what was asked for, else the picture's own. */
  readonly sizeFor?: (
    natural: { readonly width: number; readonly height: number },
    asked: AskedSize,
  ) => { readonly width: number; readonly height: number };
}

/** A model that a server offers, loaded or not. */
export interface ServedModel {
  /** The name that requests call it by. */
  readonly id: string;
  /** Of its files: what it takes in memory at least. */
  readonly bytes: number;
  /** Seconds since 1970. */
  readonly created: number;
  open(): Promise<LoadedModel>;
}
