import { refreshesFor } from '@cachequant/scheduler';
import type { Study } from './study.js';

/** The same study at another cache interval, which the observation has to reach: at most that of the recipe. */
export function studyAt(study: Study, interval: number): Study {
  const { lab, view } = study;
  return {
    ...study,
    view: `${view}i${interval}-`,
    lab: {
      ...lab,
      recipe: { ...lab.recipe, interval },
      refreshes: refreshesFor(lab.sampler.steps, interval),
    },
  };
}

/** The same study without integers: candidates of it are float graphs, corrected for what float graphs cache. */
export function floatStudy(study: Study): Study {
  return { ...study, view: `${study.view}float-`, integers: undefined, anchors: study.features };
}
