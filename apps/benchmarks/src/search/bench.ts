import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { interval95, meanOf } from '@cachequant/evaluate';
import { inFloat } from '@cachequant/optimizer/experiments';
import { floatDenoiser, loadGraph } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { createSampler } from '@cachequant/samplers';
import { openCalibratedModel } from '../ablation/calibrated-models.js';
import { createImageMaker } from '../ablation/images.js';
import { openOnCommonGrid, workFolder } from '../ablation/model.js';
import { fashionSd } from '../ablation/models/fashion-sd.js';
import { PictureFile } from '../ablation/picture-file.js';
import { psnrs } from '../ablation/scores.js';
import { startLog, untilStopped } from '../command.js';
import { budgetAt, FASHION_COSTS, sd15Costs } from './budgets.js';
import { integerStepsRow, plannedRow, type SearchRow, searchedRow } from './rows.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '32' },
    images: { type: 'string', default: '4' },
    evaluations: { type: 'string', default: '200' },
    speeds: { type: 'string', default: '2,2.5,3,4,5' },
    costs: { type: 'string', default: 'fashion-sd,sd15' },
    precisions: { type: 'string', default: 'float,w8a8' },
    /** Whether refreshes of one half are searched for as well. */
    halves: { type: 'string', default: 'no' },
    work: { type: 'string', default: 'search' },
  },
});

await untilStopped(bench, 'Stopped. The same command goes on from here.');

async function bench(signal: AbortSignal): Promise<void> {
  const log = startLog();
  const runtime = await createNodeRuntime({ threads: 1 });
  const model = await openOnCommonGrid(fashionSd);
  const { schedulerConfig } = model;
  const subjects = await fashionSd.subjects();
  const { int8FullRange } = await runtime.capabilities();
  const seeds = Number(values.seeds);
  const floatRow = (sampler: string, steps: number, cost: number): SearchRow => ({
    id: `float-${sampler}-${steps}`,
    cost,
    plan: `${steps} steps`,
    calibration: undefined,
    sampler: createSampler(schedulerConfig, { sampler, steps }),
    fingerprint: `float-${sampler}-${steps}`,
    load: async () => floatDenoiser(await loadGraph(runtime, model.source, 'unet/model.onnx')),
  });
  const { calibrated, opened } = await openCalibratedModel({
    runtime,
    opened: model,
    subjects: subjects.calibration,
    sampler: 'dpm-solver++',
    steps: 50,
    bits: 'w8a8',
    interval: 13,
    int8FullRange,
    signal,
    log,
    name: values.work,
  });
  const maker = await createImageMaker(runtime, model, subjects.heldOut, signal);
  const pictures = async (row: SearchRow) => {
    const file = await PictureFile.open(
      path.join(workFolder(fashionSd), 'search-pictures'),
      row.fingerprint,
      fashionSd.pictureSize,
    );
    const denoiser = file.count < seeds ? await row.load() : undefined;
    try {
      while (file.count < seeds) {
        signal.throwIfAborted();
        await file.append(await maker.make({ denoiser: denoiser!, sampler: row.sampler }, file.count, 8));
      }
    } finally {
      await denoiser?.dispose();
    }
    return file.read(seeds);
  };
  const evaluations = Number(values.evaluations);
  const images = Number(values.images);
  const models = [FASHION_COSTS, await sd15Costs()].filter(({ id }) => values.costs.split(',').includes(id));
  const lines: string[] = [];
  const note = (line: string) => {
    lines.push(line);
    console.log(line);
  };
  try {
    const describe = async (row: SearchRow, against?: readonly number[]) => {
      if (seeds === 0) return [];
      log(`${row.id}: pictures`);
      const own = await pictures(row);
      const converged = await pictures(floatRow('dpm-solver++', 100, 0));
      const reference = await pictures(floatRow('dpm-solver++', 50, 0));
      const toConverged = psnrs(converged, own);
      const [low, high] = interval95(toConverged);
      const paired = against && toConverged.map((value, i) => value - against[i]!);
      const gain = paired
        ? ` ${meanOf(paired).toFixed(2)} (${interval95(paired)
            .map((value) => value.toFixed(1))
            .join(' to ')})`
        : '';
      note(
        `| ${row.id} | ${row.cost.toFixed(2)} | ${row.calibration?.toFixed(2) ?? '–'} | ${meanOf(psnrs(reference, own)).toFixed(2)} | ${meanOf(toConverged).toFixed(2)} (${low.toFixed(1)}–${high.toFixed(1)}) |${gain} | \`${row.plan}\` |`,
      );
      return toConverged;
    };
    for (const costs of models) {
      for (const speed of values.speeds.split(',').map(Number)) {
        const budget = budgetAt(speed);
        note(`\n${costs.id}, ${speed}x: ${budget.toFixed(2)} float calls`);
        const rows: SearchRow[] = [];
        const fewer = Math.floor(budget / costs.float.full);
        if (fewer <= 50) rows.push(floatRow('dpm-solver++', fewer, fewer));
        const fewerIntegers = Math.min(50, Math.floor(budget / costs.integers.full));
        for (const precision of values.precisions.split(',')) {
          const isFloat = precision === 'float';
          const own = isFloat ? inFloat(calibrated) : calibrated;
          const each = isFloat ? costs.float : costs.integers;
          const tag = `${precision}-${costs.id}-${speed}`;
          if (each.full * 50 <= budget) continue;
          const planned = await plannedRow(own, { costs: each, budget, id: `planned-${tag}` });
          if (planned) rows.push(planned);
          const { conditional: _, ...whole } = each;
          const ways = [
            ['search', whole],
            ...(values.halves === 'yes' ? [['search-halves', each] as const] : []),
          ] as const;
          for (const [name, given] of ways) {
            rows.push(
              await searchedRow(own, { costs: given, budget, id: `${name}-${tag}`, evaluations, images }),
            );
          }
          if (!isFloat) {
            const sampler = createSampler(schedulerConfig, { sampler: 'dpm-solver++', steps: fewerIntegers });
            rows.push(integerStepsRow(calibrated, sampler, fewerIntegers * costs.integers.full));
          }
        }
        let against: number[] | undefined;
        for (const row of rows) {
          const measured = await describe(row, against);
          against ??= measured;
        }
      }
    }
  } finally {
    await mkdir(workFolder(fashionSd), { recursive: true });
    await writeFile(path.join(workFolder(fashionSd), `${values.work}.md`), `${lines.join('\n')}\n`);
    await maker.dispose();
    await opened.dispose();
    await runtime.dispose();
  }
}
