import { type Guidance, withJoinedConditioning } from '../generate/guidance.js';
import type { GuidanceForecast } from '../generate/guidance-forecast.js';
import type { Laboratory, PreparedImage } from './laboratory.js';

/** Guidance of one image, for passes that make its calls by themselves. */
export function imageGuidance(
  { guidanceScale }: Laboratory,
  { conditioning, unconditional }: PreparedImage,
  forecast: GuidanceForecast,
): Guidance {
  return withJoinedConditioning({
    conditional: conditioning,
    unconditional,
    scale: unconditional === undefined ? 1 : guidanceScale,
    halves: 'together',
    forecast,
  });
}
