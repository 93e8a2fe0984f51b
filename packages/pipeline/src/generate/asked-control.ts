import { CacheQuantError } from '@cachequant/tensor';
import type { Control } from '../conditioning/conditioning-encoder.js';
import type { GenerationRequest } from './generation-request.js';

/** What a request says of a ControlNet, as far as it can be looked at before anything runs. */
export interface AskedControl extends Control {
  /** Shares of the calls between which it is followed. */
  readonly start: number;
  readonly end: number;
}

const FIELDS = ['controlImage', 'controlScale', 'controlStart', 'controlEnd', 'guessMode'] as const;

/**
 * The control image that a request follows, with how; undefined for a model without a ControlNet.
 * @param takesControl whether the model has one
 * @param defaultScale where the request names none
 * @throws CacheQuantError `invalid-argument` for a model that needs an image and is given none, or the other way round
 */
export function askedControl(
  request: GenerationRequest,
  takesControl: boolean,
  defaultScale = 1,
): AskedControl | undefined {
  const given = FIELDS.find((name) => request[name] !== undefined);
  if (!takesControl) {
    if (given === undefined) return undefined;
    throw new CacheQuantError('invalid-argument', 'the model follows no ControlNet', {
      where: given,
      hint: 'Open it with a ControlNet, or leave this out',
    });
  }
  const { controlImage: image, controlScale, controlStart: start = 0, controlEnd: end = 1 } = request;
  if (image === undefined) {
    throw new CacheQuantError('invalid-argument', 'the control image is missing', {
      where: 'controlImage',
      expected: 'an image that the ControlNet of the model follows',
    });
  }
  if (start >= end) {
    throw new CacheQuantError('invalid-argument', 'the ControlNet would be followed at no time', {
      where: 'controlStart',
      expected: `less than controlEnd, ${end}`,
      got: String(start),
    });
  }
  return { image, scale: controlScale ?? defaultScale, guessMode: request.guessMode ?? false, start, end };
}

/** @throws CacheQuantError `invalid-argument` for a control image of another size than the picture */
export function requireControlSize(
  { width, height }: Pick<GenerationRequest, 'width' | 'height'>,
  changed: { readonly image: { readonly width: number; readonly height: number } } | undefined,
  control: AskedControl | undefined,
): void {
  if (control === undefined) return;
  const expected = { width: changed?.image.width ?? width, height: changed?.image.height ?? height };
  for (const side of ['width', 'height'] as const) {
    const got = control.image[side];
    if (expected[side] === undefined || expected[side] === got) continue;
    throw new CacheQuantError('invalid-argument', 'the control image has another size than the picture', {
      where: `controlImage ${side}`,
      expected: String(expected[side]),
      got: String(got),
      hint: 'Resize it first',
    });
  }
}
