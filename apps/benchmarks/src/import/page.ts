import { head, row } from '../page.js';
import type { Spread } from '../results.js';
import type { ImportResults } from './results.js';

const seconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} s`;
const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const millions = (count: number) => `${(count / 1e6).toFixed(1)} million`;

/** The tables, as Markdown. */
export function renderImport({ machine, versions, folder, calls, sdxl }: ImportResults): string[] {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Made by \`npm run bench:import\`: ${machine.processor}, ${machine.cores} cores, ${gibibytes(machine.memoryBytes)}; ${named.join(', ')}. Weights are seeded, in float16.`,
    ...(folder ? ['', ...folderLines(folder)] : []),
    ...(calls ? ['', ...callLines(calls)] : []),
    ...(sdxl ? ['', ...sdxlLines(sdxl)] : []),
  ];
}

function folderLines({
  measuredAt,
  parameters,
  sourceBytes,
  imported,
  exported,
  withoutExport,
  firstCall,
}: NonNullable<ImportResults['folder']>): string[] {
  const total = Object.values(parameters).reduce((sum, count) => sum + count, 0);
  const ratios = exported && {
    time: `${(exported.seconds / imported.seconds).toFixed(0)} times as fast`,
    memory: `1/${(exported.peakBytes / imported.peakBytes).toFixed(0)} of the memory`,
  };
  const first = firstCall.exported;
  return [
    `**From a diffusers folder to one that runs** (${measuredAt.slice(0, 10)}; Stable Diffusion 1.5's size: U-Net, text encoder, both halves of the autoencoder; ${millions(total)} parameters, ${megabytes(sourceBytes)}; whole processes, one after the other in one run):`,
    '',
    ...head('', 'time', 'peak memory', 'with mapped files', 'written'),
    ...[
      ['CacheQuant, weights left in their files', imported] as const,
      ...(exported ? [['`torch.onnx.export`, to float32', exported] as const] : []),
    ].map(([name, made]) =>
      row(
        name,
        seconds(made.seconds),
        gibibytes(made.peakBytes),
        gibibytes(made.peakResidentBytes),
        megabytes(made.writtenBytes),
      ),
    ),
    '',
    ratios
      ? `CacheQuant is ${ratios.time}, with ${ratios.memory}. The rival is a script ([export_onnx.py](https://github.com/cachequant/cachequant/blob/main/apps/benchmarks/python/export_onnx.py)) that traces as \`optimum-cli export onnx\` does and gathers weights in one file; optimum itself could not be installed where this was measured.`
      : `The exporter was not measured: ${withoutExport}.`,
    '',
    "What the U-Net takes when it is used (16-bit weights become float32 in ONNX Runtime's session):",
    '',
    ...head('', 'session', 'first call', 'peak memory', 'kept'),
    firstCallRow('imported', firstCall.imported),
    ...(first ? [firstCallRow('exported', first)] : []),
  ];
}

function firstCallRow(
  name: string,
  first: NonNullable<ImportResults['folder']>['firstCall']['imported'],
): string {
  return row(
    name,
    seconds(first.loadSeconds),
    seconds(first.callSeconds),
    gibibytes(first.peakBytes),
    gibibytes(first.keptBytes),
  );
}

function callLines({
  measuredAt,
  latentSize,
  float,
  floatError,
  int8,
}: NonNullable<ImportResults['calls']>): string[] {
  return [
    `**One call of the U-Net** (${measuredAt.slice(0, 10)}; latents of ${latentSize}×${latentSize}, a batch of 2, medians of calls in turn; predictions in float differ by ${floatError.toExponential(0)} of the largest number):`,
    '',
    ...head('', 'imported', 'exported', 'imported against exported'),
    callRow('float', float),
    ...(int8 ? [callRow('integers, each optimized from its own graph', int8)] : []),
  ];
}

function callRow(name: string, { imported, exported }: { imported: Spread; exported: Spread }): string {
  const ms = ({ medianMs, quartilesMs: [low, high] }: Spread) =>
    `${medianMs.toFixed(0)} ms (${low.toFixed(0)}–${high.toFixed(0)})`;
  const ratio = `${(exported.medianMs / imported.medianMs).toFixed(2)}x as fast`;
  return row(name, ms(imported), ms(exported), ratio);
}

function sdxlLines({
  measuredAt,
  parameters,
  sourceBytes,
  latentSize,
  stages,
  ...run
}: NonNullable<ImportResults['sdxl']>): string[] {
  return [
    `**Stable Diffusion XL's U-Net** (${measuredAt.slice(0, 10)}; ${millions(parameters)} parameters, ${gibibytes(sourceBytes)} of float16; \`optimize\` from the diffusers folder to a bundle of ${gibibytes(run.bundleBytes)}, latents of ${latentSize}×${latentSize}, every stage with the fewest calls): ${gibibytes(run.peakBytes)} at its peak, ${gibibytes(run.peakResidentBytes)} with mapped files, in ${(run.seconds / 60).toFixed(0)} minutes.${run.workBytes === undefined ? '' : ` The work folder takes ${gibibytes(run.workBytes)} of disk.`}`,
    '',
    ...head('until the end of', 'peak memory'),
    ...stages.map(({ name, peakBytes }) => row(name, gibibytes(peakBytes))),
  ];
}
