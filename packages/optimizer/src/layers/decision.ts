import type { Layer } from '@cachequant/quantizer';

/** Milliseconds of a layer in one call of the full graph. */
export interface LayerTimes {
  readonly floatMs: number;
  readonly integerMs: number;
}

/** Of a full call; medians of runs in turn. */
export interface WholeTimes {
  readonly allInteger: number;
  readonly withoutSlow: number;
  /** The second over the first, run by run, so that a machine whose speed drifts slows both. */
  readonly ratio: number;
}

/** What was measured of a layer before it was decided; without times where another runtime will compute it. */
export interface LayerMeasurement extends Partial<LayerTimes> {
  /** Signal to noise of the layer by itself, integer against float on the same inputs, in decibels. */
  readonly sqnr: number;
  /** Signal to noise of the network's prediction with only this layer in integers; of those that add most noise. */
  readonly networkDb?: number | undefined;
}

/** What becomes of a layer, and why. */
export interface LayerDecision {
  readonly id: string;
  readonly kind: Layer['kind'];
  readonly macs: number;
  readonly compute: 'integer' | 'float';
  readonly storage: 'int4' | 'int8' | 'float32';
  /** Empty where there is nothing to say. */
  readonly reason: string;
  /** Left out for layers that were never meant for integers. */
  readonly measured?: LayerMeasurement | undefined;
}

/** What was measured of layers, and what became of it. */
export interface LayerChoice {
  /** Layers that took longer in integers, and with which in float the whole network is no slower. */
  readonly slow: readonly string[];
  /** Layers whose rounding costs the network more than their time in float. */
  readonly sensitive: readonly string[];
  /** Whether those are as good with weights stored as 8-bit integers. */
  readonly sensitiveStored: boolean;
  /** Milliseconds of a full call, with all layers in integers and with the slow ones in float. */
  readonly wholeMs: WholeTimes | undefined;
  /** Signal to noise of the network's prediction in decibels. */
  readonly networkDb: { readonly allInteger: number; readonly chosen: number };
  /** The layers that add most noise, and the whole network's signal to noise with only this one in integers. */
  readonly noisiest: readonly { readonly id: string; readonly networkDb: number }[];
}
