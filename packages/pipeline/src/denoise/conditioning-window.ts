import { type Tensor, tensor } from '@cachequant/tensor';
import type { Conditioning } from './denoiser.js';

/** Conditioning that holds for a part of a run alone. */
export interface ConditioningWindow {
  /** Inputs that are zeros elsewhere. */
  readonly inputs: readonly string[];
  /** Shares of the calls, from 0 to 1. */
  readonly start: number;
  readonly end: number;
}

/**
 * Whether a call lies in a window.
 *
 * Source: `controlnet_keep` of diffusers' StableDiffusionControlNetPipeline.
 * @param call how many were made before it
 * @param calls of the run
 */
export function isWithin({ start, end }: ConditioningWindow, call: number, calls: number): boolean {
  return call / calls >= start && (call + 1) / calls <= end;
}

/** Conditioning for calls outside of the window. */
export function outside<C extends Conditioning | undefined>(
  conditioning: C,
  { inputs }: ConditioningWindow,
): C {
  if (conditioning === undefined) return conditioning;
  const silent = Object.entries(conditioning as Conditioning).map(([name, value]): [string, Tensor] => [
    name,
    inputs.includes(name) ? tensor(value.dtype, value.dims) : value,
  ]);
  return Object.fromEntries(silent) as C;
}
