/**
 * How far an ancestral step goes down, and how much new noise brings it back up to the level `to`:
 * down² + up² = to².
 * Source: Song et al., Score-Based Generative Modeling through SDEs, appendix F,
 * https://arxiv.org/abs/2011.13456.
 */
export function ancestralSplit(from: number, to: number): { up: number; down: number } {
  const upSquared = (to ** 2 * (from ** 2 - to ** 2)) / from ** 2;
  return { up: Math.sqrt(upSquared), down: Math.sqrt(to ** 2 - upSquared) };
}
