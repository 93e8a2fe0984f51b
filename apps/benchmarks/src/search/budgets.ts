import type { CallCosts } from '@cachequant/scheduler';
import { fashionSd } from '../ablation/models/fashion-sd.js';
import { readSd15 } from '../ablation/sd15-cost.js';

/** Calls of the original: 50 PLMS steps in float. */
const ORIGINAL_CALLS = 51;

/** What calls cost, in calls of the float model. */
export interface CostModel {
  readonly id: 'fashion-sd' | 'sd15';
  readonly float: Required<CallCosts>;
  readonly integers: Required<CallCosts>;
}

/** Of models/fashion-sd, from the times of the ablation's rows: those of 50 steps at intervals 3, 5 and 10. */
export const FASHION_COSTS: CostModel = {
  id: 'fashion-sd',
  float: { full: 1, conditional: 0.5, cached: 0.105 },
  integers: { full: 0.6, conditional: 0.3, cached: 0.1 },
};

/** Of Stable Diffusion 1.5's size, from `npm run bench`; a cached call computes the conditional half alone. */
export async function sd15Costs(): Promise<CostModel> {
  const times = (await readSd15(fashionSd))!;
  const [full, cached] = [times.full / times.float, times.cached / times.float / 2];
  return {
    id: 'sd15',
    float: { full: 1, conditional: 0.5, cached: cached / full },
    integers: { full, conditional: full / 2, cached },
  };
}

/** What a picture may cost to be so many times as fast as the original. */
export function budgetAt(speed: number): number {
  return ORIGINAL_CALLS / speed;
}
