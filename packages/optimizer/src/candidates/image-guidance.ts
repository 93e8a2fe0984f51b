import { type Guidance, type GuidanceForecast, withJoinedConditioning } from '@cachequant/pipeline/internals';
import type { CalibrationContext, PreparedImage } from '../calibration-context.js';

/** Guidance of one image, for passes that make its calls by themselves. */
export function imageGuidance(
  { guidanceScale }: CalibrationContext,
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
