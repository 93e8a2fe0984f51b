import type { Runtime } from '@cachequant/tensor';
import {
  type CalibrationRequest,
  type OpenedCalibratedModel,
  openCalibratedModel,
} from './calibrated-models.js';
import { type Contestant, floatContestant, studiedContestant } from './contestants.js';
import { leverRows } from './levers.js';
import type { OpenedModel } from './model.js';
import type { Subject } from './models/ablation-model.js';
import { ablationRows, isStudent, type RowSpec } from './rows.js';

export interface GatherRequest {
  readonly runtime: Runtime;
  readonly opened: OpenedModel;
  /** The model's few-step student, where it has one. */
  readonly student?: OpenedModel | undefined;
  readonly calibrationSubjects: readonly Subject[];
  readonly int8FullRange: boolean;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Contestants of all rows, in their order: observes, quantizes and plans what was not before. */
export async function gatherContestants(
  rows: readonly RowSpec[],
  request: GatherRequest,
): Promise<Contestant[]> {
  const made = new Map<string, Contestant>();
  for (const spec of rows.filter(asItCame)) {
    const { runtime } = request;
    made.set(spec.id, await floatContestant(spec, { ...openedFor(spec, request), runtime }));
  }
  const studied = rows.filter((spec) => !asItCame(spec));
  const keys = new Set(studied.map(calibratedKey));
  // The layers of a single one are its own.
  const keepFloat =
    keys.size > 1 && studied.some((spec) => !isStudent(spec)) ? await floatLayers(request) : undefined;
  for (const key of keys) {
    const group = studied.filter((spec) => calibratedKey(spec) === key);
    const [first] = group as [RowSpec];
    const own = { ...request, opened: openedFor(first, request) };
    const { calibrated, opened } = await openCalibratedModel(
      calibrationRequest(first, own, isStudent(first) ? undefined : keepFloat),
    );
    try {
      for (const spec of group) made.set(spec.id, await studiedContestant(spec, calibrated));
    } finally {
      await opened.dispose();
    }
  }
  return rows.map(({ id }) => made.get(id)!);
}

function openedFor(spec: RowSpec, { opened, student }: GatherRequest): OpenedModel {
  return isStudent(spec) && student ? student : opened;
}

function asItCame({ bits, cache }: RowSpec): boolean {
  return bits === 'float' && !cache;
}

function calibratedKey({ sampler, steps, bits, rounding }: RowSpec): string {
  return [sampler, steps, bits === 'w4a8' ? bits : 'w8a8', rounding].join(' ');
}

/** Layers that measured better in float, found once, so that all rows compare with the same layers in integers. */
async function floatLayers(request: GatherRequest): Promise<string[]> {
  const { calibrated, opened } = await openOriginalModel(request);
  await opened.dispose();
  const { slow = [], sensitive = [] } = calibrated.layerChoice ?? {};
  return [...slow, ...sensitive];
}

/** What was observed of the model as it is usually run. */
export function openOriginalModel(request: GatherRequest): Promise<OpenedCalibratedModel> {
  return openCalibratedModel(calibrationRequest({ ...request.opened.model.original, bits: 'w8a8' }, request));
}

function calibrationRequest(
  of: Pick<RowSpec, 'sampler' | 'steps' | 'bits' | 'rounding'>,
  request: GatherRequest,
  keepFloat?: readonly string[],
): CalibrationRequest {
  const { sampler, steps, rounding } = of;
  const bits = of.bits === 'w4a8' ? 'w4a8' : 'w8a8';
  const { model } = request.opened;
  const { original } = model;
  const isOriginal = sampler === original.sampler && steps === original.steps && bits === 'w8a8';
  // Of all rows, so that a run of some of them reads back what a run of others has observed.
  const intervals = [...ablationRows(model), ...leverRows(model)]
    .filter((row) => row.sampler === sampler && row.steps === steps)
    .map(({ interval }) => interval);
  return {
    ...request,
    subjects: request.calibrationSubjects,
    sampler,
    steps,
    bits,
    rounding,
    interval: Math.max(...intervals, 2),
    ...(!isOriginal && keepFloat && { keepFloat }),
  };
}
