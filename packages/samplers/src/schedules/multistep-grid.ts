import { CacheQuantError } from '@cachequant/tensor';
import { conflictingFields } from '../config.js';
import type { RunLayout } from '../run-layout.js';
import { shiftOfRun, shiftSigmas, stretchToTerminal } from './flow-shift.js';
import {
  flowLevel,
  type NoiseConfig,
  type NoiseLevel,
  noiseLevelOfRatio,
  noiseToSignal,
  nonZeroAlphaBars,
} from './noise-schedule.js';
import {
  checkListed,
  type Respacing,
  type RespacingKind,
  respacedSigmas,
  respacingKind,
} from './respaced-sigmas.js';
import { linspace, roundHalfEven } from './rounding.js';
import { sigmaAt, timestepsOf } from './sigma-spacing.js';
import { leadingTimesteps, type TimestepSpacing, trailingTimesteps } from './timestep-spacing.js';

export interface MultistepGridConfig extends NoiseConfig, Respacing {
  readonly prediction_type: string;
  readonly timestep_spacing: TimestepSpacing;
  readonly steps_offset: number;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
  readonly use_flow_sigmas: boolean;
  readonly flow_shift: number;
  readonly use_dynamic_shifting: boolean;
  readonly time_shift_type: 'exponential' | 'linear';
  readonly use_lu_lambdas?: boolean;
  readonly lambda_min_clipped?: number;
  readonly shift_terminal?: number | null;
  readonly sigma_min?: number | null;
  readonly sigma_max?: number | null;
}

/** What differs between the classes, which all follow DPM-Solver's layout. */
export interface MultistepGridTraits {
  readonly name: string;
  /** What `sigma_min` at the end means: the least of training, or the last of the run where levels are respaced. */
  readonly end: 'least-of-training' | 'last-of-run';
  /** Karras timesteps are truncated, not rounded, with a cosine schedule. */
  readonly truncatesCosine?: boolean;
  /** The flow's levels go from 1 to 1/N, and not from 1 − 1/N to 0. */
  readonly flowFromOne?: boolean;
}

export interface MultistepGrid {
  readonly timesteps: readonly number[];
  /** One more than the timesteps. */
  readonly sigmas: readonly number[];
  readonly levels: readonly NoiseLevel[];
}

type Levels = Pick<MultistepGrid, 'timesteps' | 'sigmas'>;

/** Flow matching cannot begin at σ = 1, where there is no signal to divide by. */
const MOST_FLOW = 1 - 1e-6;

/**
 * Timesteps and noise levels of a run of the methods that work in log-SNR.
 * @throws CacheQuantError `invalid-argument` when two calls would share a noise level, `unsupported` for fields that
 * contradict each other
 */
export function multistepGrid(
  config: MultistepGridConfig,
  layout: RunLayout,
  traits: MultistepGridTraits,
): MultistepGrid {
  checkFlow(config, layout);
  const trainSigmas = noiseToSignal(nonZeroAlphaBars(config));
  const kind = respacingKind(config);
  const isPlain = kind === undefined && !config.use_flow_sigmas;
  const spacing = kind ?? (config.use_lu_lambdas ? 'lu' : undefined);
  checkListed(layout, spacing ?? (config.use_flow_sigmas ? 'flow' : undefined));
  if (layout.sigmas !== undefined && spacing !== undefined) {
    throw conflictingFields(
      `sigmas of your choice and ${spacing} noise levels exclude each other`,
      'Leave sigmas out',
    );
  }
  const { timesteps, sigmas } =
    spacing !== undefined
      ? respaced(config, spacing, layout, trainSigmas, traits)
      : config.use_flow_sigmas
        ? flowing(config, layout, traits)
        : evenlySpaced(config, layout, trainSigmas);
  const rounded = sigmas.map(Math.fround);
  checkDescending(rounded, layout.steps, traits.name);
  const least = traits.end === 'least-of-training' || isPlain ? trainSigmas[0]! : rounded.at(-1)!;
  const all = [...rounded, config.final_sigmas_type === 'zero' ? 0 : least];
  return { timesteps, sigmas: all, levels: all.map(config.use_flow_sigmas ? flowLevel : noiseLevelOfRatio) };
}

function respaced(
  config: MultistepGridConfig,
  kind: RespacingKind | 'lu',
  { steps }: RunLayout,
  trainSigmas: Float32Array,
  traits: MultistepGridTraits,
): Levels {
  const max = config.sigma_max ?? trainSigmas[trainSigmas.length - 1]!;
  const min = config.sigma_min ?? trainSigmas[0]!;
  const ratios = respacedSigmas(kind === 'lu' ? 'exponential' : kind, max, min, steps);
  if (config.use_flow_sigmas) {
    const sigmas = ratios.map((ratio) => ratio / (ratio + 1));
    return { sigmas, timesteps: sigmas.map((sigma) => Math.trunc(sigma * config.num_train_timesteps)) };
  }
  const truncates = traits.truncatesCosine && config.beta_schedule === 'squaredcos_cap_v2';
  const rounds = (kind === 'karras' || kind === 'lu') && !truncates;
  const timesteps = timestepsOf(ratios, trainSigmas).map(rounds ? roundHalfEven : Math.trunc);
  return { sigmas: ratios, timesteps };
}

function flowing(config: MultistepGridConfig, layout: RunLayout, traits: MultistepGridTraits): Levels {
  const { num_train_timesteps: count, shift_terminal: terminal } = config;
  const { steps } = layout;
  const descending = linspace(1, 1 / count, steps + 1);
  const even = traits.flowFromOne
    ? descending.slice(0, -1)
    : descending
        .map((alpha) => 1 - alpha)
        .reverse()
        .slice(0, -1);
  const shift = shiftOfRun(traits.name, config, config.flow_shift, layout);
  const shifted = shiftSigmas(layout.sigmas ?? even, shift);
  const sigmas = (terminal ? stretchToTerminal(shifted, terminal) : shifted).map((sigma) =>
    traits.flowFromOne && Math.abs(sigma - 1) < 1 - MOST_FLOW ? MOST_FLOW : sigma,
  );
  return { sigmas, timesteps: sigmas.map((sigma) => Math.trunc(sigma * count)) };
}

function evenlySpaced(config: MultistepGridConfig, layout: RunLayout, trainSigmas: Float32Array): Levels {
  const last = clippedLength(trainSigmas, config.lambda_min_clipped ?? Number.NEGATIVE_INFINITY);
  const timesteps = layout.timesteps ?? spacedWithoutLast(config, last, layout.steps);
  return { timesteps, sigmas: timesteps.map((timestep) => sigmaAt(trainSigmas, timestep)) };
}

/** One timestep more than there are steps is laid out, and the last one left away. */
function spacedWithoutLast(config: MultistepGridConfig, last: number, steps: number): number[] {
  switch (config.timestep_spacing) {
    case 'linspace':
      return linspace(0, last - 1, steps + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, -1);
    case 'leading':
      return leadingTimesteps(steps + 1, Math.floor(last / (steps + 1)), config.steps_offset).slice(0, -1);
    case 'trailing':
      return trailingTimesteps(last, config.num_train_timesteps / steps, steps);
  }
}

/** How many timesteps have λ = ln(α/σ) of at least the limit. */
function clippedLength(trainSigmas: Float32Array, lambdaMin: number): number {
  return trainSigmas.filter((sigma) => -Math.log(sigma) >= lambdaMin).length;
}

function checkFlow(config: MultistepGridConfig, { sigmas }: RunLayout): void {
  const { use_flow_sigmas: flows, prediction_type: type } = config;
  if (!flows && type === 'flow_prediction') {
    throw conflictingFields(
      'prediction_type "flow_prediction" without use_flow_sigmas has no noise levels that fit',
      'Set use_flow_sigmas',
    );
  }
  if (flows && type === 'v_prediction') {
    throw conflictingFields(
      'prediction_type "v_prediction" with use_flow_sigmas is not defined: α² + σ² is not 1',
      'Set prediction_type "flow_prediction" or "epsilon"',
    );
  }
  if (!flows && sigmas !== undefined) {
    throw conflictingFields(
      'noise levels can be given only with use_flow_sigmas',
      'Give timesteps instead, or set use_flow_sigmas',
    );
  }
}

function checkDescending(sigmas: readonly number[], steps: number, name: string): void {
  if (sigmas.every((sigma, i) => i === 0 || sigma < sigmas[i - 1]!)) return;
  throw new CacheQuantError('invalid-argument', `${steps} steps are too many for this spacing`, {
    where: name,
    expected: 'a noise level of its own for every call',
    hint: 'Use fewer steps, or another timestep_spacing',
  });
}
