import { interval95, meanOf, type RgbImage } from '@cachequant/evaluate';
import { bestRow, rowsWithin } from './best-row.js';
import { budgetsOf } from './budgets.js';
import type { Contestant } from './contestants.js';
import { factorsOf } from './factors.js';
import { isFullSizeSearch } from './full-size-search.js';
import { isLever, LEVERS } from './levers.js';
import type { AblationModel } from './models/ablation-model.js';
import type { PictureFile } from './picture-file.js';
import type { AblationResults, AblationRow } from './results.js';
import { CONVERGED } from './rows.js';
import { convergedScores, type Judge, pairedScores, psnrs } from './scores.js';
import { type TimeRatios, timeOf } from './times.js';
import { winnersOf } from './winners.js';

export interface AssembleRequest {
  readonly model: AblationModel;
  readonly contestants: readonly Contestant[];
  /** Beside the contestants. */
  readonly files: readonly PictureFile[];
  readonly times: TimeRatios;
  readonly judge: Judge;
  readonly captionOf: (image: number) => string;
  readonly seeds: number;
  readonly frechetSeeds: number;
  /** No Fréchet distance of fewer pictures: it would be of their number more than of anything else. */
  readonly leastFrechet?: number;
}

/** The table, from the pictures that there are: every row is measured on the same seeds. */
export async function assembleRows(
  request: AssembleRequest,
): Promise<Pick<AblationResults, 'rows' | 'differences' | 'budgets' | 'factors'>> {
  const { model, contestants, files, times } = request;
  const compared = files.filter((file, i) => file.count > 0 && contestants[i]!.row.id !== CONVERGED.id);
  const least = Math.min(...compared.map((file) => file.count));
  const convergedCount = files[contestants.findIndex(({ row }) => row.id === CONVERGED.id)]?.count ?? 0;
  const seeds = Math.min(request.seeds, least, convergedCount > 0 ? convergedCount : least);
  const most = Math.max(0, ...compared.map((file) => file.count));
  const frechetSeeds = Math.min(request.frechetSeeds, most);
  const pictures = new Map<string, RgbImage[]>();
  for (const [i, { row }] of contestants.entries()) {
    pictures.set(row.id, await files[i]!.read(Math.max(seeds, frechetSeeds)));
  }
  const converged = pictures.get(CONVERGED.id)!.slice(0, seeds);
  const rows: AblationRow[] = [];
  for (const { row, fingerprint, denoiserBytes } of contestants) {
    const own = pictures.get(row.id)!;
    const paired = own.slice(0, seeds);
    const isReference = row.bits === 'float' && !row.cache;
    const reference = pictures.get(`float-${row.sampler}-${row.steps}`) ?? [];
    const isConverged = row.id === CONVERGED.id;
    const judged = own.slice(0, frechetSeeds);
    const isJudged = !isConverged && judged.length > 1 && judged.length === frechetSeeds;
    rows.push({
      ...row,
      denoiserBytes,
      ...timeOf(times, fingerprint),
      ...pairedScores(isReference ? [] : reference, paired),
      ...convergedScores(isConverged ? [] : converged, paired),
      ...(isJudged ? await scoresOf(request, judged) : NOT_JUDGED),
      seeds: paired.length,
      frechetSeeds: isJudged ? judged.length : 0,
    });
  }
  const compare = comparison(pictures, seeds);
  const isOfLevers = rows.some(({ curve }) => isLever(curve));
  return {
    rows,
    differences: isOfLevers ? leverDifferences(rows, compare) : differencesOf(model, rows, compare),
    budgets: isOfLevers ? [] : budgetsOf(model, rows, pictures, seeds),
    factors: factorsOf(model, pictures, seeds),
  };
}

async function scoresOf(
  { judge, captionOf, leastFrechet = 128 }: AssembleRequest,
  pictures: readonly RgbImage[],
): ReturnType<Judge['judge']> {
  const scores = await judge.judge(pictures, captionOf);
  return pictures.length < leastFrechet ? { ...scores, frechet: null } : scores;
}

const NOT_JUDGED = { frechet: null, kindAccuracy: null, colorAccuracy: null };

type Difference = AblationResults['differences'][number];

/** Tells how much nearer a row is to a reference than another, in a list that is empty where pictures are missing. */
type Compare = (better: AblationRow, worse: AblationRow, reference: string) => Difference[];

function comparison(pictures: ReadonlyMap<string, readonly RgbImage[]>, seeds: number): Compare {
  return (better, worse, reference) => {
    const truth = (pictures.get(reference) ?? []).slice(0, seeds);
    const [a, b] = [better, worse].map(({ id }) => psnrs(truth, pictures.get(id)!));
    const differences = a!.map((value, i) => value - b![i]!);
    if (differences.length === 0 || b!.length < a!.length) return [];
    return [
      {
        better: better.id,
        worse: worse.id,
        measure: reference === CONVERGED.id ? 'psnrConverged' : 'psnr',
        difference: meanOf(differences),
        interval: interval95(differences),
        timeRatios: [better.timeRatio, worse.timeRatio],
      },
    ];
  };
}

/** Each lever against the one that it is on top of, at the same interval. */
function leverDifferences(rows: readonly AblationRow[], compare: Compare): Difference[] {
  return rows.flatMap((row) => {
    const before = rows.find((other) => isBefore(other, row));
    return before ? compare(row, before, `float-${row.sampler}-${row.steps}`) : [];
  });
}

/**
 * Our best against the paper at the same interval and in no more time, and the strongest rival that is not slower; then
 * who wins at each speed against whom.
 */
function differencesOf(model: AblationModel, rows: readonly AblationRow[], compare: Compare): Difference[] {
  const found: Difference[] = [];
  for (const row of rows.filter(({ curve }) => curve === 'cachequant')) {
    for (const other of rows) {
      const sameSchedule =
        other.sampler === row.sampler && other.steps === row.steps && other.interval === row.interval;
      if (sameSchedule && other.curve === 'paper')
        found.push(...compare(row, other, `float-${row.sampler}-${row.steps}`));
    }
    const rival = strongestRival(rows, row);
    if (rival) found.push(...compare(row, rival, CONVERGED.id));
  }
  for (const paper of rows.filter(({ curve }) => curve === 'paper')) {
    const ours = bestWithin(rows, paper);
    if (ours && ours.interval !== paper.interval)
      found.push(...compare(ours, paper, `float-${paper.sampler}-${paper.steps}`));
  }
  const table = { model: `models/${model.name}`, rows, budgets: [], differences: found };
  for (const { row, beaten, interval } of winnersOf(table)) {
    const isFound = found.some(
      ({ better, worse, measure }) =>
        measure === 'psnrConverged' && better === row.id && worse === beaten?.id,
    );
    if (beaten && !interval && !isFound) found.push(...compare(row, beaten, CONVERGED.id));
  }
  return found;
}

/** Whether a row is another one without its lever, or, for a search, of the same time or what has to be as good. */
function isBefore(other: AblationRow, row: AblationRow): boolean {
  if (isFullSizeSearch(row.curve)) {
    return other.curve === 'lever: one half at cached calls' && other.interval === row.interval;
  }
  const at = (LEVERS as readonly AblationRow['curve'][]).indexOf(row.curve);
  return at > 0 && other.curve === LEVERS[at - 1] && other.interval === row.interval;
}

/** Our best with the paper's sampler and steps that takes no longer than its row. */
function bestWithin(rows: readonly AblationRow[], paper: AblationRow): AblationRow | undefined {
  const alike = rows.filter(
    ({ curve, sampler, steps }) =>
      curve === 'cachequant' && sampler === paper.sampler && steps === paper.steps,
  );
  return bestRow(rowsWithin(alike, paper.timeRatio), 'psnr');
}

function strongestRival(rows: readonly AblationRow[], { timeRatio }: AblationRow): AblationRow | undefined {
  const rivals = rows.filter(({ curve }) => curve.includes('fewer steps'));
  return bestRow(rowsWithin(rivals, timeRatio), 'psnrConverged');
}
