import { ablationFile, ablationModel } from '../ablation/models/index.js';
import type { AblationResults, AblationRow } from '../ablation/results.js';
import { stepsName } from '../ablation/row-name.js';
import type { StandIn } from './families.js';
import { type Floor, floorFor } from './floors.js';
import { fixed, listed, signed, table, thousands } from './format.js';
import { type MergedRow, mergeRows } from './merged-rows.js';
import type { PublishedFamily, PublishedRow, Role } from './published.js';

/** A stand-in with what was measured of it; without a table it was not measured yet. */
export interface Measured extends StandIn {
  readonly table: AblationResults | undefined;
  readonly floors: readonly Floor[];
}

const LABELS: Readonly<Record<Exclude<Role, 'ours'>, string>> = {
  original: 'float',
  integers: 'integers, no cache',
  uniform: 'cache, refreshed evenly',
  'uniform-integers': 'cache, refreshed evenly, integers',
  'planned-integers': 'cache, refreshes planned, integers',
  recipe: "the paper's recipe",
};

/** The paper's rows of one kind of model beside those of each stand-in. */
export function renderFamily(family: PublishedFamily, models: readonly Measured[]): string[] {
  const doubts = [...new Set(family.rows.flatMap(({ doubt }) => doubt ?? []))];
  const measured = models.filter(({ table }) => table);
  const missing = models.filter(({ table }) => !table);
  const tables = measured.flatMap((model) => [
    ...introduction(model, model.table!),
    '',
    ...renderTable(family, doubts, model),
    '',
  ]);
  const alone = measured.length === 0 && family.rows.length > 0 ? [...renderTable(family, doubts), ''] : [];
  return [
    `The paper: ${family.model}; ${family.setting}.${family.rows.length === 0 ? ' Its numbers are not known to us.' : ''}`,
    '',
    ...tables,
    ...alone,
    ...missing.flatMap(({ name }) => [
      `**${name}** has no table yet (\`npm run ablation -- --model ${name}\`).`,
      '',
    ]),
    ...doubts.flatMap((doubt, i) => [`${markOf(i)} ${doubt}.`, '']),
    ...family.curves.flatMap(({ method, measure, points }) => [
      `Read off a figure, ${method}: ${measure} ${listed(points.map(([speed, value]) => `${value} at ${speed}x`))}.`,
      '',
    ]),
  ].slice(0, -1);
}

function introduction({ name, parameters, floors }: Measured, results: AblationResults): string[] {
  const { rows, guidanceScale, machine } = results;
  const seeds = rows.find(({ psnrConverged }) => psnrConverged !== null)?.seeds;
  const judged = rows.find(({ frechet }) => frechet !== null)?.frechetSeeds;
  const floor = judged === undefined ? undefined : floorFor(floors, judged);
  return [
    [
      `Ours: **${name}**, a denoiser of ${(parameters / 1e6).toFixed(2)} million parameters; ${stepsName(ablationModel(name).original)}, ${guidanceScale === 1 ? 'without guidance' : `guidance scale ${guidanceScale}`};`,
      `PSNR on ${seeds === undefined ? 'no seeds yet' : `${thousands(seeds)} held-out seeds`};`,
      judged === undefined
        ? 'Fréchet distances not measured;'
        : `Fréchet distance on ${thousands(judged)} pictures of each row${floor ? ` (the floor: ${thousands(floor.count)} other real pictures have ${fixed(floor.distance, 2)})` : ''};`,
      rows.some(({ timeRatio }) => timeRatio !== null) ? timedOn(machine) : 'not timed yet.',
      `[All rows](${ablationFile(name)}.md).`,
    ].join(' '),
  ];
}

function timedOn({ processor, threads }: AblationResults['machine']): string {
  return `timed on ${processor}, ${threads === 1 ? 'one thread' : `${threads} threads`}.`;
}

function renderTable(family: PublishedFamily, doubts: readonly string[], model?: Measured): string[] {
  const merged = mergeRows(family, model?.name ?? '', model?.table);
  const theirFloat = family.rows.find(({ role }) => role === 'original')?.fid;
  const ourFloat = merged.find(({ role }) => role === 'original')?.measured?.frechet;
  const theirs = ['row', 'interval', 'paper: speed', 'paper: compression', 'paper: quality', 'source'];
  const own = ['here: speed', 'here: compression', 'here: Fréchet', 'here: PSNR, dB'];
  return table(
    model ? [...theirs, ...own] : theirs,
    merged.map((row) => [
      labelOf(row, doubts),
      row.interval === undefined ? '–' : String(row.interval),
      ...publishedCells(row.published, theirFloat),
      ...(model ? measuredCells(row.measured, model.parameters, ourFloat) : []),
    ]),
    'lrrrllrrrr',
  );
}

function labelOf({ role, interval, published }: MergedRow, doubts: readonly string[]): string {
  if (role === 'ours') return interval === undefined ? '**ours**, no cache' : '**ours**';
  if (!published) return LABELS[role!];
  const { method, doubt } = published;
  const mark = doubt === undefined ? '' : ` ${markOf(doubts.indexOf(doubt))}`;
  if (!role) return `${method}${mark}`;
  return `${LABELS[role]}${LABELS[role] === method ? '' : ` (${method})`}${mark}`;
}

const markOf = (index: number): string => `(${'abcdefghij'[index]})`;

function publishedCells(row: PublishedRow | undefined, float: number | undefined): string[] {
  if (!row) return ['–', '–', '–', '–'];
  const { fid, inceptionScore, clip, clipChange } = row;
  const quality = [
    ...(fid === undefined ? [] : [`FID ${withChange(fid, row.floatFid ?? float)}`]),
    ...(inceptionScore === undefined ? [] : [`IS ${fixed(inceptionScore, 1)}`]),
    ...(clip === undefined ? [] : [`CLIP ${fixed(clip, 2)}`]),
    ...(clipChange === undefined ? [] : [`CLIP ${signed(clipChange, 2)} to float`]),
  ];
  return [times(row.speed), times(row.compression), quality.join(', ') || '–', row.from.join(', ')];
}

/** With what it is above float, except for float itself. */
function withChange(value: number | null, float: number | null | undefined): string {
  const change = value === null || float === null || float === undefined ? 0 : value - float;
  return change === 0 ? fixed(value, 2) : `${fixed(value, 2)} (${signed(change, 2)})`;
}

function measuredCells(
  row: AblationRow | undefined,
  parameters: number,
  float: number | null | undefined,
): string[] {
  if (!row) return ['–', '–', '–', '–'];
  const { frechet, bits, denoiserBytes, timeRatio } = row;
  const smaller = denoiserBytes === null ? undefined : (4 * parameters) / denoiserBytes;
  return [
    times(timeRatio === null ? undefined : 1 / timeRatio),
    times(bits === 'float' ? 1 : smaller),
    withChange(frechet, float),
    fixed(row.psnr, 1),
  ];
}

function times(value: number | undefined): string {
  if (value === undefined) return '–';
  return `${Number.isInteger(value) ? value : value.toFixed(2)}x`;
}
