import { head, row } from '../page.js';
import type { Spread } from '../results.js';
import { FLOAT } from './measure-block.js';
import type { PeerLoop, PeerResults } from './peer-results.js';

const fixed = (value: number, digits = 1): string => value.toFixed(digits);
const times = (value: number): string => `${fixed(value)}x`;

/** The comparison as a page of Markdown. */
export function renderPeersPage(results: PeerResults): string {
  const { machine, blocks, mode } = results;
  const native = machine.bfloat16 ? 'with' : 'without';
  const best = results.fullCallAgainstBestPeer;
  return `${[
    `# ${results.model}: beside other runtimes`,
    '',
    `Made by \`npm run bench:peers${mode === 'full' ? ' -- --full' : ''}\` on ${results.measuredAt.slice(0, 10)}: ${machine.processor}, ${machine.cores} cores, ${native} instructions for bfloat16; ${versionsOf(results)}.`,
    `Latents of ${results.latentSize}×${results.latentSize}, both halves of guidance as a batch of 2, ${results.tokens} tokens, ${results.threads} threads. Everybody has the same seeded weights and is cut at the same place (${results.cut}); caches are uniform. Calls of a block were made in turn, with ONNX Runtime's float model and ours as its anchors.`,
    '',
    ...(machine.bfloat16
      ? []
      : ['This processor has no instructions for bfloat16: what is given for it is emulation.', '']),
    ...blocks.flatMap(blockTable),
    `Our full call is ${fixed(best.ratio, 2)} times as fast as that of ${best.peer}, the fastest peer${best.inOpenVino === undefined ? '' : `; in OpenVINO, ${fixed(best.inOpenVino, 2)} times`}.`,
    '',
    '## Whole images',
    '',
    'Times as fast as the float loop of ONNX Runtime. Loops are summed up from the calls above, unless they are',
    'marked: those ran, after a call of every kind that they make.',
    '',
    ...loopTable(results.loops),
  ].join('\n')}\n`;
}

function versionsOf({ blocks }: PeerResults): string {
  const versions = new Map(
    blocks.flatMap(({ contestants }) => contestants.flatMap((each) => Object.entries(each.versions))),
  );
  return [...versions].map(([name, version]) => `${name} ${version}`).join(', ');
}

function blockTable({ name, contestants }: PeerResults['blocks'][number]): string[] {
  const float = contestants.find((each) => each.name === FLOAT)!.full.medianMs;
  return [
    `## One call: ${name}`,
    '',
    ...head('', 'full ms', 'quartiles', 'against float', 'cached ms', 'quartiles', 'output, dB to float'),
    ...contestants.map((each) =>
      row(
        each.name,
        ...spreadCells(each.full),
        `${fixed(float / each.full.medianMs, 2)}x`,
        ...(each.cached ? spreadCells(each.cached) : ['', '']),
        each.sqnrDb === undefined ? '' : fixed(each.sqnrDb),
      ),
    ),
    '',
  ];
}

function spreadCells({ medianMs, quartilesMs }: Spread): [string, string] {
  return [fixed(medianMs, 0), quartilesMs.map((ms) => fixed(ms, 0)).join('–')];
}

function loopTable(loops: readonly PeerLoop[]): string[] {
  const kinds = [...new Set(loops.map(({ steps, sampler }) => `${steps} steps of ${sampler}`))];
  const intervals = [...new Set(loops.map(({ interval }) => interval))];
  const isOf = ({ steps, sampler }: PeerLoop, kind: string) => `${steps} steps of ${sampler}` === kind;
  const namesOf = (kind: string) => new Set(loops.filter((loop) => isOf(loop, kind)).map(({ name }) => name));
  const cell = (name: string, kind: string, interval: number): string => {
    const found = loops.filter(
      (loop) => loop.name === name && loop.interval === interval && isOf(loop, kind),
    );
    return found.map(({ speedup, measured }) => `${times(speedup)}${measured ? ' (ran)' : ''}`).join(', ');
  };
  return kinds.flatMap((kind) => [
    ...head(kind, ...intervals.map((interval) => `interval ${interval}`)),
    ...[...namesOf(kind)].map((name) =>
      row(name, ...intervals.map((interval) => cell(name, kind, interval))),
    ),
    '',
  ]);
}
