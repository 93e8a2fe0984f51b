import { formatMs, formatTimes } from '../html/format.js';
import { html, type Markup } from '../html/markup.js';
import { details, legend, section, table } from '../html/section.js';
import { type Bar, type Segment, stackedBars } from '../plots/stacked-bars.js';
import type { ReportData, StageTimes } from '../report-data.js';

type CallKind = StageTimes['calls'][number]['kind'];

const KIND_LABELS: Readonly<Record<CallKind, string>> = {
  float: 'call in float',
  full: 'refresh (full call)',
  cached: 'call from the cache',
};
const KINDS = ['float', 'full', 'cached'] as const;
/** Above this number of calls, neighbours of one kind are drawn as one segment. */
const MAX_SEGMENTS = 150;

/** Where the time of one image goes, before and after. */
export function times({ times: { original, optimized } }: ReportData): Markup {
  const before = totalMs(original);
  const after = totalMs(optimized);
  const bars = [bar('Original', original), bar('Bundle', optimized)];
  const shares = [stageSums(original), stageSums(optimized)] as const;
  const stages = shares[0].map(({ label }, index) => ({
    cells: [label, formatMs(shares[0][index]!.ms), formatMs(shares[1][index]!.ms)],
  }));
  const description = `Time of one image: original ${formatMs(before)}, bundle ${formatMs(after)}.`;
  return section(
    'times',
    'Where the time goes',
    after > 0
      ? `One image took ${formatMs(before)} before and ${formatMs(after)} after: ${formatTimes(before / after)} in this run. Each segment of a bar is one stage or one call of the network.`
      : 'The time of the stages was not measured.',
    html`${stackedBars(description, bars)}
${legend([
  { color: 'text-encoder', label: 'text encoder' },
  ...KINDS.filter((kind) => [...original.calls, ...optimized.calls].some((call) => call.kind === kind)).map(
    (kind) => ({ color: kind, label: KIND_LABELS[kind] }),
  ),
  { color: 'decoder', label: 'decoder' },
])}
${details(
  'Times by stage',
  table(
    'Milliseconds of one image by stage',
    [{ heading: 'Stage' }, { heading: 'Original', numeric: true }, { heading: 'Bundle', numeric: true }],
    stages,
  ),
)}`,
  );
}

function bar(label: string, times: StageTimes): Bar {
  return { label, total: formatMs(totalMs(times)), segments: segments(times) };
}

function segments({ textEncoderMs, calls, decoderMs }: StageTimes): Segment[] {
  const drawn = calls.map(({ kind, ms }, call) => ({
    label: `${KIND_LABELS[kind]} (${call}): ${formatMs(ms)}`,
    value: ms,
    color: kind,
  }));
  return [
    { label: `text encoder: ${formatMs(textEncoderMs)}`, value: textEncoderMs, color: 'text-encoder' },
    ...(drawn.length > MAX_SEGMENTS ? joinNeighbours(drawn) : drawn),
    { label: `decoder: ${formatMs(decoderMs)}`, value: decoderMs, color: 'decoder' },
  ];
}

function joinNeighbours(drawn: readonly Segment[]): Segment[] {
  const joined: Segment[] = [];
  for (const segment of drawn) {
    const last = joined.at(-1);
    if (last?.color !== segment.color) joined.push(segment);
    else {
      const value = last.value + segment.value;
      joined[joined.length - 1] = { color: last.color, value, label: `calls in a row: ${formatMs(value)}` };
    }
  }
  return joined;
}

function stageSums(times: StageTimes): { label: string; ms: number }[] {
  return [
    { label: 'text encoder', ms: times.textEncoderMs },
    ...KINDS.map((kind) => ({
      label: `${KIND_LABELS[kind]}, all together`,
      ms: sum(times.calls.filter((call) => call.kind === kind)),
    })),
    { label: 'decoder', ms: times.decoderMs },
    { label: 'all', ms: totalMs(times) },
  ];
}

function totalMs({ textEncoderMs, calls, decoderMs }: StageTimes): number {
  return textEncoderMs + sum(calls) + decoderMs;
}

function sum(calls: StageTimes['calls']): number {
  return calls.reduce((total, { ms }) => total + ms, 0);
}
