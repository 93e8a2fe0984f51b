import { describe, expect, it } from 'vitest';
import { FULL_SIZE_SEARCHES } from './full-size-search.js';
import { isLever, LEVERS, leverRows } from './levers.js';
import type { AblationModel } from './models/ablation-model.js';
import { emojiSd } from './models/emoji-sd.js';
import { fashionSd } from './models/fashion-sd.js';
import { ablationModels } from './models/index.js';
import { CONVERGED, originalId } from './rows.js';

describe('leverRows', () => {
  it.each(ablationModels.filter(({ guidanceScale }) => guidanceScale > 1))(
    'has what every row of $name is measured against, each once',
    (model) => {
      const rows = leverRows(model);
      const ids = rows.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).toEqual(expect.arrayContaining([CONVERGED.id, originalId(model)]));
      for (const { curve, sampler, steps } of rows.filter((row) => isLever(row.curve))) {
        expect(ids, curve).toContain(`float-${sampler}-${steps}`);
      }
    },
  );

  it('tries every lever at the same intervals, one on top of the other', () => {
    const rows = leverRows(fashionSd);
    const intervalsOf = (lever: string) =>
      rows.filter(({ curve }) => curve === lever).map(({ interval }) => interval);
    for (const lever of LEVERS) {
      const isFullSize = FULL_SIZE_SEARCHES.some((search) => search === lever);
      expect(intervalsOf(lever), lever).toEqual(isFullSize ? [5, 10] : [3, 5, 10]);
    }
  });

  it('searches only where calls are short', () => {
    const searched = (model: AblationModel) => leverRows(model).some(({ curve }) => curve.includes('search'));
    expect([fashionSd, emojiSd].map(searched)).toEqual([true, false]);
  });
});
