import type { RgbImage } from '@cachequant/pipeline';

/** What a request asks for, in whichever interface it came. */
export interface PictureOrder {
  /** The request's id. */
  readonly id: string;
  /** The interface that it came by. */
  readonly via: 'openai' | 'automatic1111' | 'warm-up';
  readonly model: string;
  /** Empty for a model that takes no text. */
  readonly prompt: string;
  readonly negativePrompt?: string | undefined;
  /** Picture i has the seed `seed + i`. */
  readonly seed: number;
  readonly count: number;
  readonly steps?: number | undefined;
  readonly guidanceScale?: number | undefined;
  readonly sampler?: string | undefined;
  /** Pixels. */
  readonly width?: number | undefined;
  /** Pixels. */
  readonly height?: number | undefined;
  /** A picture to change. */
  readonly change?: OrderedChange | undefined;
  /** Unfinished pictures to show on the way to each. */
  readonly partialPictures?: number;
}

/** A picture to change, as files in base64, so that an order can be sent elsewhere. */
export interface OrderedChange {
  readonly image: string;
  /** White where it is to be painted. */
  readonly mask?: string | undefined;
  /** Share of the steps that are made; the pipeline's own when left out. */
  readonly strength?: number | undefined;
}

/** Called while an order is drawn. */
export interface PictureEvents {
  /** Called while the picture comes about, and waited for. */
  readonly onPartial?: (picture: RgbImage, index: number, image: number) => void | Promise<void>;
  /** Called as soon as a picture is done, and waited for. */
  readonly onPicture?: (
    picture: DrawnPicture,
    image: number,
    warnings: readonly string[],
  ) => void | Promise<void>;
}

/** A picture, and the seed that it came from. */
export interface DrawnPicture extends RgbImage {
  readonly seed: number;
}

/** All pictures of an order, in the order of their seeds. */
export interface DrawnPictures {
  readonly images: readonly DrawnPicture[];
  /** Each once. */
  readonly warnings: readonly string[];
}
