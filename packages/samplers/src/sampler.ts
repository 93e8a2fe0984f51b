/**
 * What the network's output means; x0 is the clean sample, ε the noise, v = α·ε − σ·x0, a flow ε − x0, and the output
 * of a consistency model what is added to a share of the sample to give x0.
 */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample' | 'flow_prediction' | 'consistency';

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
  /** The sample at which a step of several calls began, or that a corrector starts from. */
  readonly anchor?: Float32Array;
  /** Noise that an earlier call of the same step has drawn. */
  readonly drawn?: Float32Array;
}

/** What a cache has to know of a sampler. The suite `describeSampler` measures each of it. */
export interface SamplerProperties {
  /**
   * Calls of the network in each step from one point of the path to the next, in order; they sum to `calls`. Methods
   * that count calls for steps (DPM-Solver single step) have fewer entries than `steps`.
   */
  readonly callsPerStep: readonly number[];
  /**
   * How many calls back lies the oldest prediction that a call uses beside its own, through the state's `history` or
   * `stages`; 0 where the sample is all that is handed on.
   */
  readonly lookback: number;
  /**
   * How far the sample after each call moves per unit of that call's prediction, [calls]; later calls may use the
   * prediction once more. Exact as long as nothing is clipped or thresholded, a bound otherwise.
   */
  readonly sensitivity: readonly number[];
  /** Whether `step` draws noise. */
  readonly stochastic: boolean;
}

/** A diffusion sampler with its steps laid out: pure functions from state to state. */
export interface Sampler extends SamplerProperties {
  /** The class in diffusers that it follows. */
  readonly name: string;
  readonly steps: number;
  /** One for every call of the network, in order, as the network is told them; fractional with Karras sigmas. */
  readonly timesteps: readonly number[];
  /** Calls of the network: `timesteps.length`, which differs from `steps` where a step makes several. */
  readonly calls: number;
  /**
   * Noise levels at the calls and after the last one; undefined where the class has none. σ/α, but σ itself with flow
   * matching, where α = 1 − σ.
   */
  readonly sigmas: readonly number[] | undefined;
  /** What unit normal noise is multiplied by to start. */
  readonly initNoiseSigma: number;
  readonly predictionType: PredictionType;
  /** Whether a step takes the variance that the network predicts behind each image's prediction; others leave it out. */
  readonly takesVariance?: boolean;
  /**
   * The state before the first call.
   * @param noise unit normal, of the sample's size
   */
  start(noise: Float32Array): SamplerState;
  /**
   * The call that a run begins with which changes a picture by so much: the last `floor(steps · strength)` steps are
   * left, or `ceil` of it where the network predicts a flow, as in diffusers.
   * @param strength above 0, up to 1, which leaves the whole run
   * @throws CacheQuantError `invalid-argument` when no step is left, `unsupported` for a method that cannot begin there
   */
  firstCall(strength: number): number;
  /**
   * A clean sample at the noise level of a call, as diffusers' `add_noise` makes it.
   * @param noise unit normal, of the sample's size
   * @throws CacheQuantError `unsupported` for a method that does not tell its noise levels, `shape`
   */
  renoise(call: number, clean: Float32Array, noise: Float32Array): Float32Array;
  /** The state before a call in the middle of a run, made of a clean sample; otherwise as `renoise`. */
  startFrom(call: number, clean: Float32Array, noise: Float32Array): SamplerState;
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
