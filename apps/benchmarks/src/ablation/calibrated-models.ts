import path from 'node:path';
import {
  type CalibratedModel,
  calibrateModel,
  type OpenCalibrationContext,
  openCalibrationContext,
} from '@cachequant/optimizer/experiments';
import { nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { type OpenedModel, workFolder } from './model.js';
import type { Subject } from './models/ablation-model.js';
import type { RowSpec } from './rows.js';

export const CALIBRATION_IMAGES = 8;

export interface CalibrationRequest {
  readonly runtime: Runtime;
  readonly opened: OpenedModel;
  readonly subjects: readonly Subject[];
  readonly sampler: RowSpec['sampler'];
  readonly steps: number;
  readonly bits: 'w8a8' | 'w4a8';
  readonly rounding?: 'nearest' | undefined;
  /** Layers to keep in float; left out: those that measure better there. */
  readonly keepFloat?: readonly string[];
  /** The largest interval that candidates will have. */
  readonly interval: number;
  readonly int8FullRange: boolean;
  /** Of the work folder; left out: as the sampler, the steps and the bits. */
  readonly name?: string;
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
  const { runtime, sampler, steps, bits, rounding, keepFloat, signal, log } = request;
  const { model, source } = request.opened;
  const name =
    request.name ?? `${sampler}-${steps}${bits === 'w4a8' ? '-w4a8' : ''}${rounding ? `-${rounding}` : ''}`;
  const opened = await openCalibrationContext({
    source,
    work: nodeStorage(path.join(workFolder(model), 'models', name)),
    runtime,
    signal,
    onStage: ({ label }, reused) => {
      if (!reused) log(`${name}: ${label}`);
    },
    options: {
      sampler,
      steps,
      interval: request.interval,
      ...(model.guidanceScale > 1 && { guidanceScale: model.guidanceScale }),
      ...subjectOptions(request.subjects),
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

/** Prompts or classes to calibrate with; nothing for a model that takes neither. */
function subjectOptions(subjects: readonly Subject[]) {
  const labels = subjects.flatMap(({ classLabel }) => classLabel ?? []);
  if (labels.length > 0) return { classLabels: labels };
  const prompts = subjects.map(({ prompt }) => prompt).filter((prompt) => prompt !== '');
  return prompts.length > 0 ? { prompts, verificationPrompts: [prompts[0]!] } : {};
}
