import { CacheQuantError } from '@cachequant/tensor';
import { linspace } from './rounding.js';

export type BetaSchedule = 'linear' | 'scaled_linear' | 'squaredcos_cap_v2' | 'laplace' | 'sigmoid' | 'exp';

/** The part of a configuration that says how noise grows with time during training. */
export interface NoiseConfig {
  readonly num_train_timesteps: number;
  readonly beta_start: number;
  readonly beta_end: number;
  readonly beta_schedule: BetaSchedule;
  readonly trained_betas: readonly number[] | null;
  readonly rescale_betas_zero_snr?: boolean | undefined;
}

/** How much of signal and noise a sample holds: x = signal · x0 + noise · ε. */
export interface NoiseLevel {
  /** α = √ᾱ */
  readonly signal: number;
  /** σ = √(1 − ᾱ) */
  readonly noise: number;
  /** ᾱ, the product of 1 − β up to this timestep. */
  readonly alphaBar: number;
}

/** Betas beyond this would make a step lose all signal. */
const MAX_BETA = 0.999;

/** In place of ᾱ = 0 where a method divides by it; the smallest float16. */
const NEARLY_ZERO = 2 ** -24;

/**
 * ᾱ of every training timestep, rounded to float32 where diffusers rounds: 1 − ᾱ near t = 0 has only four
 * digits then, which shows in the result.
 *
 * Source: Ho et al., Denoising Diffusion Probabilistic Models, eq. 4, https://arxiv.org/abs/2006.11239.
 */
export function alphaBars(config: NoiseConfig): Float32Array {
  const betas = betasOf(config);
  return cumulativeAlphas(config.rescale_betas_zero_snr ? rescaleToZeroTerminalSnr(betas) : betas);
}

/** The same for methods that work with σ/α, where the last ᾱ of a zero terminal SNR must not be 0 itself. */
export function nonZeroAlphaBars(config: NoiseConfig): Float32Array {
  const bars = alphaBars(config);
  if (config.rescale_betas_zero_snr) bars[bars.length - 1] = NEARLY_ZERO;
  return bars;
}

export function noiseLevel(alphaBar: number): NoiseLevel {
  return { alphaBar, signal: Math.sqrt(alphaBar), noise: Math.sqrt(1 - alphaBar) };
}

/** The noise level of a state whose noise-to-signal ratio σ/α is given. */
export function noiseLevelOfRatio(ratio: number): NoiseLevel {
  const signal = 1 / Math.sqrt(ratio * ratio + 1);
  return { alphaBar: signal * signal, signal, noise: ratio * signal };
}

/** The noise level of methods that work on x/α, where the signal is never scaled. */
export function unscaledLevel(sigma: number): NoiseLevel {
  return { alphaBar: 1, signal: 1, noise: sigma };
}

/** The noise level of flow matching, where signal and noise sum to 1. */
export function flowLevel(sigma: number): NoiseLevel {
  return { alphaBar: (1 - sigma) ** 2, signal: 1 - sigma, noise: sigma };
}

/** σ/α for every training timestep, float32. */
export function noiseToSignal(bars: Float32Array): Float32Array {
  return bars.map((bar) => Math.sqrt(Math.fround(Math.fround(1 - bar) / bar)));
}

function betasOf(config: NoiseConfig): Float32Array {
  const { num_train_timesteps: count, beta_start: start, beta_end: end, trained_betas: trained } = config;
  if (trained !== null) return checkTrainedBetas(trained, count);
  switch (config.beta_schedule) {
    case 'linear':
      return Float32Array.from(linspace(start, end, count));
    case 'scaled_linear':
      return Float32Array.from(linspace(Math.sqrt(start), Math.sqrt(end), count)).map((root) => root * root);
    case 'squaredcos_cap_v2':
      return betasOfAlphaBar(count, cosineAlphaBar);
    case 'exp':
      return betasOfAlphaBar(count, (t) => Math.exp(-12 * t));
    case 'laplace':
      return betasOfAlphaBar(count, laplaceAlphaBar);
    case 'sigmoid':
      return Float32Array.from(linspace(-6, 6, count), (x) => (end - start) / (1 + Math.exp(-x)) + start);
  }
}

function checkTrainedBetas(betas: readonly number[], count: number): Float32Array {
  if (betas.length === count) return Float32Array.from(betas);
  throw new CacheQuantError('invalid-argument', 'trained_betas and num_train_timesteps disagree', {
    where: 'scheduler config',
    expected: `${count} betas`,
    got: String(betas.length),
  });
}

/** Source: Nichol and Dhariwal, Improved DDPM, eq. 17, https://arxiv.org/abs/2102.09672. */
function cosineAlphaBar(t: number): number {
  return Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

/** Source: Hang and Gu, Improved Noise Schedule for Diffusion Training, https://arxiv.org/abs/2407.03297. */
function laplaceAlphaBar(t: number): number {
  const halfLogSnr = -0.5 * (t > 0.5 ? -1 : 1) * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6);
  const snr = Math.exp(halfLogSnr);
  return Math.sqrt(snr / (1 + snr));
}

function betasOfAlphaBar(count: number, alphaBar: (t: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), MAX_BETA),
  );
}

function cumulativeAlphas(betas: Float32Array): Float32Array {
  let product = 1;
  return betas.map((beta) => {
    product *= Math.fround(1 - beta);
    return product;
  });
}

/**
 * Shifts and stretches √ᾱ so that it ends at 0 and begins where it did.
 * Source: Lin et al., Common Diffusion Noise Schedules and Sample Steps are Flawed, algorithm 1,
 * https://arxiv.org/abs/2305.08891.
 */
function rescaleToZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulativeAlphas(betas).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots[roots.length - 1]!;
  const stretch = Math.fround(first / Math.fround(first - last));
  const bars = roots.map((root) => Math.fround(Math.fround(root - last) * stretch) ** 2);
  return bars.map((bar, i) => 1 - Math.fround(i === 0 ? bar : bar / bars[i - 1]!));
}
