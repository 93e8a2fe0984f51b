import type { RgbImage } from '@cachequant/evaluate';
import { imageGrid } from '@cachequant/pipeline';
import type { AblationModel } from './models/ablation-model.js';
import type { AblationRow } from './results.js';
import { rowName } from './row-name.js';
import { originalId } from './rows.js';

/** Pixels of the sheet's width, about. */
const WIDTH = 1200;

/** The same seeds by the original, fewer steps, the paper's recipe, ours and the student; undefined without pictures. */
export function renderSheet(
  model: AblationModel,
  rows: readonly AblationRow[],
  pictures: ReadonlyMap<string, readonly RgbImage[]>,
  captionOf: (image: number) => string,
): RgbImage | undefined {
  const shown = sheetIds(model)
    .map((id) => rows.find((row) => row.id === id))
    .filter((row) => row !== undefined);
  const scale = Math.max(1, Math.round(96 / model.pictureSize));
  const columns = Math.min(
    Math.floor(WIDTH / (scale * model.pictureSize)),
    ...shown.map(({ id }) => pictures.get(id)?.length ?? 0),
  );
  if (shown.length === 0 || columns < 1) return undefined;
  const captions = Array.from({ length: columns }, (_, image) => captionOf(image));
  return imageGrid(
    shown.flatMap(({ id }) => pictures.get(id)!.slice(0, columns)),
    columns,
    {
      gap: 2,
      scale,
      rowLabels: shown.map(labelOf),
      ...(captions.some((caption) => caption !== '') && { columnLabels: captions }),
    },
  );
}

/** At the middle one of the intervals that the caches are compared at. */
function sheetIds(model: AblationModel): string[] {
  const { original, intervals, steps, student } = model;
  const middle = intervals[Math.floor(intervals.length / 2)]!;
  const fewest = Math.min(...(steps['dpm-solver++'] ?? []));
  return [
    originalId(model),
    `w8a8-dpm-solver++-${fewest}`,
    `paper-i${middle}`,
    `cachequant-${original.sampler}-${original.steps}-i${middle}`,
    ...(student ? [`float-${student.sampler}-${student.steps[Math.floor(student.steps.length / 2)]}`] : []),
  ];
}

function labelOf(row: AblationRow): string {
  const { curve, steps, interval, timeRatio } = row;
  const speed = timeRatio === null ? '' : `, ${(1 / timeRatio).toFixed(1)}x`;
  const names: Partial<Record<AblationRow['curve'], string>> = {
    paper: `the paper's recipe, interval ${interval}`,
    cachequant: `CacheQuant, interval ${interval}`,
    'few-step student': `student, ${steps} steps`,
  };
  return `${names[curve] ?? rowName(row)}${speed}`;
}
