import type { Format } from '../format.js';
import type { LayerDecision } from './decision.js';

/**
 * With 4-bit weights, the layers that compute in integers store theirs so. The first and the last layer stay in
 * float, and products of a few vectors, such as those of the timestep, in 8 bits, as without.
 */
export function withFourBits(
  decisions: readonly LayerDecision[],
  format: Format | undefined,
): readonly LayerDecision[] {
  if (format?.weightBits !== 4) return decisions;
  return decisions.map((decision) =>
    decision.compute === 'integer' ? { ...decision, storage: 'int4' } : decision,
  );
}
