import type { Tensor, TensorInfo } from '@cachequant/tensor';

/** What a denoiser is conditioned on: tensors with the batch first, by the names of the graph's inputs. */
export type Conditioning = Readonly<Record<string, Tensor>>;

/** How a call was computed: by a float model without a cache, in full with a cache, or from cached features. */
export type CallKind = 'float' | 'full' | 'cached';

/** What one network call is given: sample [B, C, H, W], and conditioning by graph input name, batch first. */
export interface DenoiserCall {
  /** Index of the network call within the image, from 0; not the sampler's step. */
  readonly call: number;
  readonly timestep: number;
  /** [B, C, H, W] float32. */
  readonly sample: Tensor<'float32'>;
  /** Every tensor [B, …]; a tensor that the graph does not take is left out of the feeds. */
  readonly conditioning: Conditioning;
  /**
   * Tells interleaved sequences of calls apart, such as the two halves of guidance run one by one: what one
   * sequence caches is never used in another. 0 when left out.
   */
  readonly stream?: number;
  /**
   * The batch is the conditional half alone of what the stream's refreshes were given, which was the unconditional
   * half and behind it this one.
   */
  readonly half?: 'conditional';
}

/** Predicts noise (or whatever the model was trained on) from a noisy sample. */
export interface Denoiser {
  /** The graph's input for the sample, for the shapes that it takes. */
  readonly sampleInput: TensorInfo;
  /** The graph's inputs for the conditioning, which tell the model's family. */
  readonly conditioningInputs: readonly TensorInfo[];
  /** The graph's input for what a model for inpainting takes, where that is apart from the sample. */
  readonly furtherInput?: TensorInfo | undefined;
  /** Calls so far by how they were computed; a float model's calls count as full. */
  readonly stats: { readonly fullCalls: number; readonly cachedCalls: number };
  /** Whether a call runs the full network or starts from the cache. */
  kindOf(call: number): CallKind;
  /** Whether, with guidance, a call computes the conditional half alone; left out: none does. */
  conditionalAlone?(call: number): boolean;
  /** How much of its last change the forecast of guidance adds at a call; undefined, or left out: not fitted. */
  guidanceExtrapolation?(call: number): number | undefined;
  /** Weight of the prediction before in that of a call (see `PredictionSmoothing`); left out: none. */
  smoothing?(call: number): number;
  /**
   * This denoiser for a run of other calls than its tables were made for, counted as that run counts them; sessions
   * and cached features are shared. Left out: it serves every run.
   * @param timesteps one for each network call
   * @param firstCall that is made, of a run that begins in the middle; it refreshes. 0 when left out
   */
  forTimesteps?(timesteps: readonly number[], firstCall?: number): Denoiser;
  /**
   * The network's output [B, C', H, W] as float32; C' is C, or 2·C where the variance is learned.
   * @throws CacheQuantError `invalid-argument` when conditioning is missing, `runtime`, `aborted`
   */
  predict(call: DenoiserCall, options?: { readonly signal?: AbortSignal }): Promise<Tensor<'float32'>>;
  /**
   * Which layer first gives a value that is not finite at a call whose prediction does; to be asked before any other
   * call. Undefined, or left out, where it cannot be told.
   */
  locateNonFinite?(
    call: DenoiserCall,
    options?: { readonly signal?: AbortSignal },
  ): Promise<string | undefined>;
  /** Forgets cached features. To be called before each image or batch of images. */
  reset(): void;
  /** Frees the sessions and what is cached. */
  dispose(): Promise<void>;
}
