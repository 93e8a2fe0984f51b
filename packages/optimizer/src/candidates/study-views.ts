import type { Sampler } from '@cachequant/samplers';
import { refreshesFor } from '@cachequant/scheduler';
import type { Study } from '../study.js';

/** Refreshes for a nominal interval; every call for an interval of 1, which is no cache. */
export function refreshesAt({ steps, calls }: Sampler, interval: number): number {
  return interval === 1 ? calls : refreshesFor(steps, interval);
}

/** The same study at another cache interval, which the observation has to reach: at most that of the recipe. */
export function studyAt(study: Study, interval: number): Study {
  const { lab, view } = study;
  return {
    ...study,
    view: [...view, { interval }],
    lab: {
      ...lab,
      recipe: { ...lab.recipe, interval },
      refreshes: refreshesAt(lab.sampler, interval),
    },
  };
}

/** The same study without integers: candidates of it are float graphs, corrected for what float graphs cache. */
export function floatStudy(study: Study): Study {
  const { lab, view, features } = study;
  return {
    ...study,
    view: [...view, 'float'],
    lab: { ...lab, recipe: { ...lab.recipe, bits: 'none' } },
    integers: undefined,
    anchors: features,
  };
}
