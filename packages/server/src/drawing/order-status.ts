import type { GenerationStep } from '@cachequant/pipeline';
import type { PictureOrder } from './picture-order.js';

/** Where an order stands, for the page and for interfaces that ask about progress. Prompts are not in it. */
export interface OrderStatus {
  readonly id: string;
  readonly via: PictureOrder['via'];
  readonly model: string;
  readonly images: number;
  readonly submittedMs: number;
  startedMs: number | undefined;
  /** Index of the picture that is being drawn. */
  image: number;
  /** Network calls of this picture that are done. */
  call: number;
  /** Network calls that a picture takes; 0 until the first one is done. */
  calls: number;
  latents: GenerationStep['latents'] | undefined;
}

/** Done share of all pictures of an order, 0 to 1. */
export function doneShare({ image, images, call, calls }: OrderStatus): number {
  return calls === 0 ? 0 : (image + call / calls) / images;
}

/** Of an order that has just come. */
export function statusOf({ id, via, model, count }: PictureOrder): OrderStatus {
  return {
    id,
    via,
    model,
    images: count,
    submittedMs: performance.now(),
    startedMs: undefined,
    image: 0,
    call: 0,
    calls: 0,
    latents: undefined,
  };
}
