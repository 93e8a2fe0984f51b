/** Below this many calls, `lower_order_final` lowers the order of the last two. */
const FEW_CALLS = 15;

export interface MultistepOrderConfig {
  readonly solver_order: number;
  readonly lower_order_final: boolean;
  readonly euler_at_final: boolean;
  readonly final_sigmas_type: 'zero' | 'sigma_min';
}

/**
 * The order of DPM-Solver++ at a call: it rises from 1 as outputs become known, and falls at the end, where a noise
 * level of 0 allows only order 1.
 * @param sigmas one more than there are calls
 * @param outputs known ones, with that of the call
 */
export function multistepOrder(
  config: MultistepOrderConfig,
  sigmas: readonly number[],
  call: number,
  outputs: number,
): number {
  const calls = sigmas.length - 1;
  const known = Math.min(outputs, config.solver_order);
  const lowersOrder = config.lower_order_final && calls < FEW_CALLS;
  if (call === calls - 1) {
    const isEuler = config.euler_at_final || lowersOrder || config.final_sigmas_type === 'zero';
    return isEuler || sigmas[call] === sigmas[calls] ? 1 : known;
  }
  return call === calls - 2 && lowersOrder ? Math.min(known, 2) : known;
}
