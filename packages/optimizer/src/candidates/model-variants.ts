import type { Sampler } from '@cachequant/samplers';
import { refreshesFor } from '@cachequant/scheduler';
import type { CalibratedModel } from '../calibrated-model.js';

/** Refreshes for a nominal interval; every call for an interval of 1, which is no cache. */
export function refreshesAt({ steps, calls }: Sampler, interval: number): number {
  return interval === 1 ? calls : refreshesFor(steps, interval);
}

/** The same calibrated model at another cache interval, which the observation has to reach: at most that of the recipe. */
export function atInterval(calibrated: CalibratedModel, interval: number): CalibratedModel {
  const { context, changes } = calibrated;
  return {
    ...calibrated,
    changes: [...changes, { interval }],
    context: {
      ...context,
      recipe: { ...context.recipe, interval },
      refreshes: refreshesAt(context.sampler, interval),
    },
  };
}

/** The same calibrated model, of whose candidates of one kind there are several; the name tells their files apart. */
export function named(calibrated: CalibratedModel, name: string): CalibratedModel {
  return { ...calibrated, changes: [...calibrated.changes, { named: name }] };
}

/** The same calibrated model without integers: candidates of it are float graphs, corrected for what float graphs cache. */
export function inFloat(calibrated: CalibratedModel): CalibratedModel {
  const { context, changes, features } = calibrated;
  return {
    ...calibrated,
    changes: [...changes, 'float'],
    context: { ...context, recipe: { ...context.recipe, bits: 'none' } },
    integers: undefined,
    anchors: features,
  };
}
