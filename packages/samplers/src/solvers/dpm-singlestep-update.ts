import type { NoiseLevel } from '../schedules/noise-schedule.js';
import { type DpmSolverType, dpmGains, dpmTransition, slopeGain } from './dpm-solver-step.js';
import { halfLogSnr } from './log-snr.js';

/** The end of a step, or an intermediate point of it, of single-step DPM-Solver++. */
export interface DpmSinglestep {
  /** Clean samples predicted since the step began, the first at its beginning; as many as the order. */
  readonly outputs: readonly Float32Array[];
  /** Noise levels at which they were predicted. */
  readonly levels: readonly NoiseLevel[];
  readonly target: NoiseLevel;
  /** The sample at the beginning of the step. */
  readonly sample: Float32Array;
  readonly solverType: DpmSolverType;
  readonly noise?: Float32Array;
}

/**
 * From the beginning of a step to its next point, of order 1 to 3. Order 3 in its midpoint form leaves the second
 * output out, as the authors do.
 * Source: Lu et al., DPM-Solver++, appendix B, https://arxiv.org/abs/2211.01095, and algorithms 4 and 5 of
 * DPM-Solver, https://arxiv.org/abs/2206.00927.
 */
export function dpmSinglestepUpdate(step: DpmSinglestep): Float32Array {
  const { outputs, levels, target, sample, solverType, noise } = step;
  const transition = { from: levels[0]!, target, sample, noise };
  const gains = dpmGains(transition);
  const [first, second, third] = outputs as [Float32Array, Float32Array?, Float32Array?];
  const reached = levels.map((level) => (halfLogSnr(level) - halfLogSnr(levels[0]!)) / gains.h);
  if (second === undefined) return dpmTransition(transition, [[gains.constant, first]]);
  if (third === undefined) {
    const change = slopeGain(gains, solverType) / reached[1]!;
    return dpmTransition(transition, [
      [gains.constant - change, first],
      [change, second],
    ]);
  }
  const [early, late] = [reached[1]!, reached[2]!];
  const [ofEarly, ofLate] =
    solverType === 'midpoint'
      ? [0, gains.slope / late]
      : [
          (gains.slope * late - 2 * gains.curvature) / (early * (late - early)),
          (2 * gains.curvature - gains.slope * early) / (late * (late - early)),
        ];
  return dpmTransition(transition, [
    [gains.constant - ofEarly - ofLate, first],
    [ofEarly, second],
    [ofLate, third],
  ]);
}
