import path from 'node:path';
import {
  type CalibratedModel,
  calibrateModel,
  type OpenCalibrationContext,
  openCalibrationContext,
} from '@cachequant/optimizer/experiments';
import { nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { ABLATION } from './model.js';
import type { RowSpec } from './rows.js';

export const GUIDANCE_SCALE = 4;
export const CALIBRATION_IMAGES = 8;

export interface CalibrationRequest {
  readonly runtime: Runtime;
  readonly folder: string;
  readonly prompts: readonly string[];
  readonly sampler: RowSpec['sampler'];
  readonly steps: number;
  readonly bits: 'w8a8' | 'w4a8';
  readonly rounding?: 'nearest' | undefined;
  /** Layers to keep in float; left out: those that measure better there. */
  readonly keepFloat?: readonly string[];
  /** The largest interval that candidates will have. */
  readonly interval: number;
  readonly int8FullRange: boolean;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** What was observed for one sampler and number of steps, and the calibration context to free when it is done with. */
export interface OpenedCalibratedModel {
  readonly calibrated: CalibratedModel;
  readonly opened: OpenCalibrationContext;
}

/** Observes the model along one sampler's steps, or reads back what was observed before. */
export async function openCalibratedModel(request: CalibrationRequest): Promise<OpenedCalibratedModel> {
  const { runtime, folder, sampler, steps, bits, rounding, keepFloat, signal, log } = request;
  const name = `${sampler}-${steps}${bits === 'w4a8' ? '-w4a8' : ''}${rounding ? `-${rounding}` : ''}`;
  const opened = await openCalibrationContext({
    source: nodeStorage(folder),
    work: nodeStorage(path.join(ABLATION, 'models', name)),
    runtime,
    signal,
    onStage: ({ label }, reused) => {
      if (!reused) log(`${name}: ${label}`);
    },
    options: {
      sampler,
      steps,
      interval: request.interval,
      guidanceScale: GUIDANCE_SCALE,
      prompts: [...request.prompts],
      verificationPrompts: [request.prompts[0]!],
      calibrationImages: CALIBRATION_IMAGES,
      verificationImages: 1,
      components: 'keep',
      bits,
      ...(rounding && { rounding }),
      ...(keepFloat && { layers: 'all', keepFloat: [...keepFloat] }),
      target: request.int8FullRange ? 'vnni' : 'portable',
    },
  });
  try {
    const { context, runner, inputDims, prepared } = opened;
    return {
      calibrated: await calibrateModel(context, runner, { inputDims, model: prepared.model }),
      opened,
    };
  } catch (error) {
    await opened.dispose();
    throw error;
  }
}
