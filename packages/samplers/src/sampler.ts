/** What the network's output means; x0 is the clean sample, ε the noise, v = α·ε − σ·x0. */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** Where a run stands. Plain data that is never changed: a state can be kept, cloned, and stepped from twice. */
export interface SamplerState {
  /** How many calls of the network are done; also the index of the next one in `Sampler.timesteps`. */
  readonly call: number;
  /** The noisy sample, before `modelInput` scales it. */
  readonly sample: Float32Array;
  /** Network outputs of earlier steps that multistep methods look back on, oldest first, as the method stores them. */
  readonly history: readonly Float32Array[];
  /** Outputs of the earlier calls of the same step, for methods that make several. */
  readonly stages: readonly Float32Array[];
  /** The sample at which a step of several calls began. */
  readonly anchor?: Float32Array;
}

/** A diffusion sampler with its steps laid out: pure functions from state to state. */
export interface Sampler {
  /** The class in diffusers that it follows. */
  readonly name: string;
  readonly steps: number;
  /** One for every call of the network, in order; fractional with Karras sigmas. */
  readonly timesteps: readonly number[];
  /** Calls of the network: `timesteps.length`, which differs from `steps` for PNDM. */
  readonly calls: number;
  /** Noise levels σ/α at the calls and after the last one; undefined where the class has none. */
  readonly sigmas: readonly number[] | undefined;
  /** What unit normal noise is multiplied by to start. */
  readonly initNoiseSigma: number;
  readonly predictionType: PredictionType;
  /** Whether `step` draws noise. */
  readonly stochastic: boolean;
  /**
   * The state before the first call.
   * @param noise unit normal, of the sample's size
   */
  start(noise: Float32Array): SamplerState;
  /**
   * What to feed to the network; the sample itself where the method does not scale it.
   * @throws CacheQuantError `invalid-argument` when the run is over
   */
  modelInput(state: SamplerState): Float32Array;
  /**
   * The state after one more call of the network.
   * @param modelOutput as large as the sample; twice as large for each image where the network also predicts
   * the variance
   * @param drawNoise gives unit normal noise of the sample's size; called at most once
   * @throws CacheQuantError `shape`, `invalid-argument` (the run is over, or noise is needed and `drawNoise`
   * is missing)
   */
  step(state: SamplerState, modelOutput: Float32Array, drawNoise?: () => Float32Array): SamplerState;
}
