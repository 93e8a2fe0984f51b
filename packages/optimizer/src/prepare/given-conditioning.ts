import type { Conditioning } from '@cachequant/pipeline';

/**
 * What a denoiser is conditioned on, from the caller: for folders that hold a denoiser alone, without the text
 * encoder whose hidden states it takes.
 */
export interface GivenConditioning {
  /** Changes whenever the tensors do, so that results of others are never taken up. */
  readonly fingerprint: string;
  /** Tensors [1, …] by the names of the graph's inputs, for the image of this seed. */
  readonly forSeed: (seed: number) => Conditioning;
  /** Left out: without guidance. */
  readonly unconditional?: Conditioning;
}
