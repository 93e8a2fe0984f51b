import type { AblationResults } from '../ablation/results.js';
import { callsName, rowName } from '../ablation/row-name.js';
import { SIDES, type Winner, winnersOf } from '../ablation/winners.js';
import { fixed, listed, table } from './format.js';

const NOT_TIMED = 'no times yet';

/** A line for each model: which side is nearest to the converged solution at which speeds, and by how much. */
export function renderWinners(tables: ReadonlyMap<string, AblationResults>): string[] {
  return [...tables].map(([name, results]) => {
    const winners = winnersOf(results);
    if (winners.length === 0) return `- **${name}**: ${NOT_TIMED}.`;
    const groups = runsOf(winners).map(sentenceOf);
    return `- **${name}** (${seedsOf(results)}): ${groups.join('; ')}.`;
  });
}

/** Neighbouring speeds with the same winner; ours counts as one, whatever its row. */
function runsOf(winners: readonly Winner[]): Winner[][] {
  const runs: Winner[][] = [];
  for (const winner of winners) {
    const last = runs.at(-1);
    if (last && standingOf(last[0]!) === standingOf(winner)) last.push(winner);
    else runs.push([winner]);
  }
  return runs;
}

function standingOf({ side, row, beaten }: Winner): string {
  const name = side === 'ours' ? 'ours' : rowName(row);
  if (!beaten) return `${name}, alone in that time`;
  return side === 'ours' ? `${name}, by` : `${name}, ahead of ours by`;
}

function sentenceOf(run: readonly Winner[]): string {
  const [first] = run as [Winner, ...Winner[]];
  const speeds = listed(run.map(({ speed }) => `${speed}x`));
  return `at ${speeds} ${standingOf(first)}${first.beaten ? ` ${marginsOf(run)}` : ''}`;
}

/** "1.2 and 0.9 dB", each of them in full where one is not a plain number. */
function marginsOf(run: readonly Winner[]): string {
  const isPlain = run.every(({ margin, interval }) => margin! >= LEAST && !isNoise(interval));
  const margins = run.map(isPlain ? ({ margin }) => fixed(margin, 1) : marginOf);
  return `${listed(new Set(margins).size === 1 ? [margins[0]!] : margins)}${isPlain ? ' dB' : ''}`;
}

/** Decibels that one digit shows. */
const LEAST = 0.05;

function marginOf({ margin, interval }: Winner): string {
  const decibels = margin! < LEAST ? 'less than 0.1 dB' : `${fixed(margin, 1)} dB`;
  return isNoise(interval) ? `${decibels} (within noise)` : decibels;
}

const isNoise = (interval: Winner['interval']): boolean => interval !== undefined && interval[0] <= 0;

/** The best row of each side at each speed, of one model. */
export function renderSides(results: AblationResults): string[] {
  const winners = winnersOf(results);
  if (winners.length === 0) return [`This table has ${NOT_TIMED}.`];
  return table(
    ['times as fast', ...SIDES, 'nearest'],
    winners.map((winner) => [
      String(winner.speed),
      ...SIDES.map((side) => {
        const row = winner.best[side];
        if (!row) return '–';
        const name = side === "the paper's recipe" ? callsName(row) : rowName(row);
        return `${fixed(row.psnrConverged, 1)}: ${name}`;
      }),
      verdictOf(winner),
    ]),
    'rlllll',
  );
}

function verdictOf(winner: Winner): string {
  const { side, margin, interval, optimizeTries } = winner;
  const name = side === 'ours' ? '**ours**' : `**${side}**`;
  const untried = optimizeTries ? '' : '; `optimize` does not try it';
  if (margin === undefined) return `${name}, alone in that time${untried}`;
  const range = interval ? ` (${interval.map((bound) => fixed(bound, 1)).join(' to ')})` : '';
  const over = side === 'ours' ? '' : ' over ours';
  return `${name} by ${fixed(margin, 2)} dB${range}${over}${untried}`;
}

function seedsOf({ rows }: AblationResults): string {
  return `${rows.find(({ psnrConverged }) => psnrConverged !== null)?.seeds ?? 0} seeds`;
}
