import path from 'node:path';
import { isFullSizeSearch, speedWanted } from './full-size-search.js';
import { isLever } from './levers.js';
import { ablationFile } from './models/index.js';
import type { AblationResults, AblationRow, Budget, Factors } from './results.js';

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const head = (...cells: readonly string[]): string[] => [row(...cells), row(...cells.map(() => '---'))];
const number = (value: number | null, digits: number): string =>
  value === null ? '–' : value.toFixed(digits);
const range = (interval: readonly [number, number] | null): string =>
  interval === null ? '' : ` (${interval.map((bound) => bound.toFixed(1)).join('–')})`;

/** The results as a page of Markdown. */
export function renderPage(results: AblationResults): string {
  const { rows, differences, machine } = results;
  const levers = rows.some(({ curve }) => isLever(curve));
  const name = path.basename(results.model);
  const options = [
    ...(name === 'fashion-sd' ? [] : [`--model ${name}`]),
    ...(levers ? ['--levers'] : []),
  ].join(' ');
  const measured = rows.find(({ psnrConverged }) => psnrConverged !== null);
  return `${[
    `# What each ${levers ? 'lever of speed' : 'part'} brings`,
    '',
    `Made by \`npm run ablation${options && ` -- ${options}`}\` on ${results.measuredAt.slice(0, 10)}: ${results.model}, ${guidanceOf(results)}, ${results.calibrationImages} calibration images, ${measured?.seeds ?? 0} held-out seeds for PSNR and SSIM, ${judgedOf(results)}${subjectsOf(results)}; ${machine.processor}, ${machine.cores} cores, ${machine.threads === 1 ? 'one thread' : `${machine.threads} threads`}, ${machine.int8FullRange ? 'with' : 'without'} full-range 8-bit products (VNNI).`,
    'All samplers go from timestep 999 to the clean picture. *PSNR* is against the float model with the same sampler and steps; *to converged*, against 500 DDIM steps from the same noise. In brackets, 95 % bootstrap intervals.',
    '',
    ...(levers
      ? leverSection(name, rows)
      : [`![The same seeds by several ways to run the model](${ablationFile(name)}.png)`, '']),
    ...head('row', 'time', 'PSNR, dB', 'to converged, dB', 'SSIM', 'Fréchet', 'kind', 'colour'),
    ...rows.map(tableRow),
    '',
    ...(results.budgets.length > 0 ? budgetSection(results.budgets) : []),
    '## Differences, paired by seed',
    '',
    ...head('better', 'than', 'measure', 'by, dB', 'times'),
    ...differences.map(({ better, worse, measure, difference, interval, timeRatios }) =>
      row(
        better,
        worse,
        measure === 'psnr' ? 'PSNR' : 'PSNR to converged',
        `${difference.toFixed(2)}${range(interval)}`,
        timeRatios.map((ratio) => number(ratio, 3)).join(' / '),
      ),
    ),
    ...(results.factors.length > 0 ? factorSection(results.factors) : []),
  ].join('\n')}\n`;
}

/** The figure, and what its rows have. */
function leverSection(name: string, rows: readonly AblationRow[]): string[] {
  return [
    `![Quality against time of each lever](${ablationFile(name, true)}.svg)`,
    '',
    'Every lever is on top of the one before: integers with evenly spaced refreshes and the forecast of features; the conditional half alone at cached calls, with the guidance forecast; and the same at the later half of the refreshes. Rows without a lever are fewer steps of the float model.',
    '',
    ...searchSection(rows),
  ];
}

/** What searches were given, and what they chose. */
function searchSection(rows: readonly AblationRow[]): string[] {
  const searched = rows.filter(({ plan }) => plan !== undefined);
  if (searched.length === 0) return [];
  return [
    '*Search* is full, cached and left out calls that a search has found on the calibration images, with the time of late refreshes of one half as its budget.',
    'The plans that the searches chose, for each of the 50 timesteps a full call (F), one of the conditional half (H), one from the cache (c), or none:',
    '',
    ...searched.map(({ id, plan }) => `- ${id}: \`${plan}\``),
    '',
    ...fullSizeSection(rows),
  ];
}

/** What searches with the times of a larger model were asked for. */
function fullSizeSection(rows: readonly AblationRow[]): string[] {
  const searched = rows.flatMap(({ id, curve, interval }) =>
    isFullSizeSearch(curve) ? [`${id} ${speedWanted(curve, interval)} times`] : [],
  );
  if (searched.length === 0) return [];
  return [
    `Those for 512 pixels had the times that calls of Stable Diffusion 1.5's size take at 512×512 on a processor of that kind ([with VNNI](sd15-unet-full.md), [without](sd15-unet-full-no-vnni.md)), and were to be so many times as fast as 50 PLMS steps in float there: ${searched.join(', ')}. What they take of this small model's time is another matter.`,
    '',
  ];
}

function budgetSection(budgets: readonly Budget[]): string[] {
  return [
    '## Within a time',
    '',
    'The best of what `optimize` tries, and the best of everything else, of the rows that are at least so many times as fast as the original. Where both are the same row, no cache pays there, and `optimize` leaves it out.',
    '',
    ...head('times as fast', 'ours', 'to converged, dB', 'best rival', 'to converged, dB', 'difference, dB'),
    ...budgets.map(budgetRow),
    '',
  ];
}

function factorSection(factors: readonly Factors[]): string[] {
  return [
    '',
    '## Cache correction × quantization correction × integers',
    '',
    'Mean squared error of 8-bit values against the float model with all calls, on evenly spaced refreshes; interval 1 is no cache. The cache correction is the forecast of features and guidance. The quantization correction is the smoothing of predictions over calls, where the calibration images get better by it, and with 4 bits the rounding of weights by second moments in place of the nearest level. In float there is nothing that it could correct. Excess is what integers add to the error.',
    '',
    ...head(
      'interval',
      'bits',
      'cache correction',
      'float',
      'integers',
      'integers, corrected',
      'excess',
      'of which removed',
    ),
    ...factors.map(factorRow),
  ];
}

function guidanceOf({ guidanceScale }: AblationResults): string {
  return guidanceScale === 1 ? 'no guidance' : `guidance scale ${guidanceScale}`;
}

/** Empty where there are too few pictures for a Fréchet distance, and nothing was asked for. */
function judgedOf({ rows }: AblationResults): string {
  const measures = [
    ...(rows.some(({ frechet }) => frechet !== null) ? ['Fréchet distance'] : []),
    ...(rows.some(({ kindAccuracy }) => kindAccuracy !== null) ? ['accuracies'] : []),
  ];
  const pictures = Math.max(0, ...rows.map(({ frechetSeeds }) => frechetSeeds));
  return measures.length > 0 ? `${pictures} for ${measures.join(' and ')}, ` : '';
}

function subjectsOf({ heldOutPrompts }: AblationResults): string {
  return heldOutPrompts > 0
    ? `over ${heldOutPrompts} prompts that calibration never saw`
    : 'which calibration never saw';
}

function tableRow(entry: AblationRow): string {
  const chosen =
    entry.id.startsWith('cachequant') && entry.cache
      ? `: ${entry.cache.schedule}, ${entry.cache.correction}, outputs ${entry.cache.outputs}, guidance ${entry.cache.guidance}`
      : '';
  return row(
    `${entry.id}${chosen}`,
    number(entry.timeRatio, 3),
    `${number(entry.psnr, 1)}${range(entry.psnrInterval)}`,
    `${number(entry.psnrConverged, 1)}${range(entry.psnrConvergedInterval)}`,
    number(entry.ssim, 4),
    number(entry.frechet, 2),
    number(entry.kindAccuracy, 3),
    number(entry.colorAccuracy, 3),
  );
}

function budgetRow({ speed, ours, rival, oursPsnr, rivalPsnr, interval }: Budget): string {
  const difference = ours === rival ? 'the same' : `${(oursPsnr - rivalPsnr).toFixed(2)}${range(interval)}`;
  return row(String(speed), ours, number(oursPsnr, 1), rival, number(rivalPsnr, 1), difference);
}

function factorRow(factors: Factors): string {
  const { interval, bits, cacheCorrection, float, integer, integerCorrected } = factors;
  const [least, most] = factors.removedInterval.map((share) => (100 * share).toFixed(0));
  return row(
    String(interval),
    bits,
    cacheCorrection,
    number(float, 2),
    number(integer, 2),
    number(integerCorrected, 2),
    `${number(factors.excess, 2)}${range(factors.excessInterval)}`,
    `${(100 * factors.removed).toFixed(0)} % (${least}–${most})`,
  );
}
