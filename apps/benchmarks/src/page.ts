import type { BenchResults, Spread } from './results.js';

const fixed = (value: number, digits = 2): string => value.toFixed(digits);
const gibibytes = (bytes: number): string => `${fixed(bytes / 2 ** 30)} GiB`;
export const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
export const head = (...cells: readonly string[]): string[] => [
  row(...cells),
  row(...cells.map(() => '---')),
];

const NAMES: Readonly<Record<string, string>> = {
  float: 'ONNX Runtime, float',
  qdq: "ONNX Runtime's own quantizer, QDQ int8",
  full: 'CacheQuant, full call',
  cached: 'CacheQuant, cached call',
  cachedHalf: 'CacheQuant, cached call of the conditional half',
  fullHalf: 'CacheQuant, full call of the conditional half',
};

const SEARCHED =
  'Searched calls are of 50 DPM-Solver++ steps, some of which they leave out, as [a search on models/fashion-sd](ablation-levers.md) chose them to be faster than evenly spaced refreshes at that interval; what both keep of quality is there.';

/** The results as a page of Markdown. */
export function renderPage(results: BenchResults): string {
  const { machine, mode, latentSize, calls } = results;
  const range = machine.int8FullRange ? 'with' : 'without';
  const float = calls.float!.medianMs;
  return `${[
    `# ${results.model}: speed, size and memory`,
    '',
    `Made by \`npm run bench${mode === 'full' ? ' -- --full' : ''}\` on ${results.measuredAt.slice(0, 10)}: ${machine.processor}, ${machine.cores} cores, ${range} full-range 8-bit products (VNNI), ${gibibytes(machine.memoryBytes)}; ${Object.entries(
      results.versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    `Latents of ${latentSize}×${latentSize}, both halves of guidance as a batch of 2, ${results.tokens} tokens. All calls were made in turn in one run.`,
    '',
    ...head('one call', 'median ms', 'quartiles', 'against float'),
    ...Object.entries(calls).map(([name, spread]) => callRow(NAMES[name] ?? name, spread, float)),
    ...(calls.qdq ? [] : [row(NAMES.qdq!, 'not measured', '', '')]),
    '',
    ...head('whole image', 'interval', 'refreshes', 'float s', 'CacheQuant s', 'speed'),
    ...results.loops.map(loopRow),
    '',
    ...(results.loops.some(({ searched }) => searched) ? [SEARCHED, ''] : []),
    ...head('once an image', 'form in the bundle', 'float ms', 'CacheQuant ms', 'bytes, of float'),
    ...results.stages.map(stageRow),
    ...(results.tinyDecoder
      ? [row('a tiny decoder in its place', 'float', '', fixed(results.tinyDecoder.medianMs, 0), '')]
      : []),
    '',
    ...head('from prompt to pixels', 'interval', 'refreshes', 'float s', 'CacheQuant s', 'speed'),
    ...results.images.map(loopRow),
    '',
    'Weights are seeded, so quality is not measured here but on [models/fashion-sd](../../../models/fashion-sd), which was trained; the floor of the decoder is 30 dB here in place of 45. What decided the form of a part:',
    '',
    ...results.stages.map(({ part, form, reason }) => `- ${part}, ${form}: ${reason}`),
    '',
    ...head('size and memory', ''),
    row(
      'denoiser/ of the bundle',
      `${fixed(results.denoiserBytes / 1e6, 0)} MB, ${fixed(results.sizeRatio, 3)} of the float weights`,
    ),
    row(
      'the whole folder: text encoder, denoiser, decoder',
      `${fixed(results.folderBytes.ours / 1e6, 0)} MB, ${fixed(results.folderBytes.ours / results.folderBytes.float, 3)} of float`,
    ),
    row(
      'multiply-adds of convolutions and linear layers planned as integers',
      `${fixed(100 * results.plannedShare)} %`,
    ),
    row(
      'of those, run as integers by the profile',
      `${fixed((100 * results.integerShare) / results.plannedShare)} %`,
    ),
    row('`optimize`, peak of anonymous and shared memory', gibibytes(results.optimizePeakBytes)),
    row('`optimize`, time', `${fixed(results.optimizeSeconds / 60, 1)} min`),
    row('a process that serves the bundle', gibibytes(results.serveResidentBytes)),
    ...(results.start
      ? [
          row('its start, until both graphs are loaded', `${fixed(results.start.loadedMs / 1000)} s`),
          row('its start, until the first full call is made', `${fixed(results.start.firstCallMs / 1000)} s`),
        ]
      : []),
    '',
    '## Where the time goes',
    '',
    'Milliseconds per call and kind of operator, by the runtime’s own profile.',
    '',
    ...profileTable(results.profile),
  ].join('\n')}\n`;
}

function callRow(name: string, { medianMs, quartilesMs }: Spread, float: number): string {
  return row(
    name,
    fixed(medianMs, 0),
    quartilesMs.map((ms) => fixed(ms, 0)).join('–'),
    `${fixed(float / medianMs)}x`,
  );
}

function loopRow({
  sampler,
  steps,
  interval,
  refreshes,
  searched,
  floatSeconds,
  seconds,
  speedup,
}: BenchResults['loops'][number]): string {
  const name = `${steps} steps of ${sampler}`;
  return row(
    name,
    String(interval),
    searched ? searchedCalls(searched) : refreshes,
    fixed(floatSeconds, 1),
    fixed(seconds, 1),
    `${fixed(speedup, 1)}x`,
  );
}

/** In words; what is left out of the 50 is not told. */
function searchedCalls({
  full,
  conditional,
  cached,
}: NonNullable<BenchResults['loops'][number]['searched']>) {
  return `searched: ${full} full, ${conditional} of one half, ${cached} cached`;
}

function stageRow({ part, form, float, ours, bytes, floatBytes }: BenchResults['stages'][number]): string {
  const share = fixed(bytes / floatBytes);
  return row(part, form, fixed(float.medianMs, 0), fixed(ours.medianMs, 0), share);
}

function profileTable({ float, int8, cached }: BenchResults['profile']): string[] {
  const least = 0.5;
  const kinds = [
    ...new Set([...int8, ...float, ...cached].filter(({ ms }) => ms >= least).map(({ opType }) => opType)),
  ];
  const cell = (list: BenchResults['profile']['float'], kind: string): string => {
    const entry = list.find(({ opType }) => opType === kind);
    return entry ? `${fixed(entry.ms, 1)} (${entry.count})` : '';
  };
  const total = (list: BenchResults['profile']['float']) =>
    fixed(
      list.reduce((sum, { ms }) => sum + ms, 0),
      1,
    );
  return [
    ...head('operator', 'float', 'CacheQuant full', 'CacheQuant cached'),
    ...kinds.map((kind) => row(kind, cell(float, kind), cell(int8, kind), cell(cached, kind))),
    row('all', total(float), total(int8), total(cached)),
  ];
}
