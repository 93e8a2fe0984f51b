import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { gatherContestants, openOriginalModel } from './ablation/gather.js';
import { createImageMaker } from './ablation/images.js';
import { openOnCommonGrid } from './ablation/model.js';
import { fashionSd } from './ablation/models/fashion-sd.js';
import { ablationRows, originalId } from './ablation/rows.js';
import { ERROR_ROWS, errorPicture } from './guide/error-picture.js';
import { forecastPicture } from './guide/forecast-picture.js';
import { PICTURES } from './paths.js';

// The pictures of docs/how-the-correction-works.md, from what the ablation observed.
const runtime = await createNodeRuntime({ threads: 1 });
const { signal } = new AbortController();
try {
  const onGrid = await openOnCommonGrid(fashionSd);
  const { calibration, heldOut } = await fashionSd.subjects();
  const { int8FullRange } = await runtime.capabilities();
  const request = {
    runtime,
    opened: onGrid,
    calibrationSubjects: calibration,
    int8FullRange,
    signal,
    log: console.log,
  };
  await mkdir(PICTURES, { recursive: true });
  const { calibrated, opened } = await openOriginalModel(request);
  await writeFile(path.join(PICTURES, 'forecast.svg'), await forecastPicture(calibrated));
  await opened.dispose();

  const ids = [originalId(fashionSd), ...ERROR_ROWS.map(({ id }) => id)];
  const rows = ids.map((id) => ablationRows(fashionSd).find((row) => row.id === id)!);
  const [original, ...others] = await gatherContestants(rows, request);
  const maker = await createImageMaker(runtime, onGrid, heldOut, signal);
  await writeFile(path.join(PICTURES, 'error-per-call.svg'), await errorPicture(original!, others, maker));
  await maker.dispose();
} finally {
  await runtime.dispose();
}
