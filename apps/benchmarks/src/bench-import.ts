import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, startLog, untilStopped } from './command.js';
import { measureCalls } from './import/measure-calls.js';
import { measureFolder } from './import/measure-folder.js';
import { measureSdxl } from './import/measure-sdxl.js';
import { renderImport } from './import/page.js';
import { type ImportResults, importResultsSchema } from './import/results.js';
import { CACHE, RESULTS, ROOT } from './paths.js';
import { writeBlock } from './write-block.js';

// What importing takes, beside an exporter in Python; one call of both U-Nets; and the memory of Stable Diffusion XL's.

const PARTS = ['folder', 'calls', 'sdxl'] as const;
type Part = (typeof PARTS)[number];

const { values } = parseArgs({
  options: {
    // Several gigabytes of models: 10 for folder and calls, 16 for sdxl.
    work: { type: 'string', default: path.join(CACHE, 'import') },
    // With torch, diffusers, transformers and onnx; without them, the exporter is left out.
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '32' },
    // Bundles of both U-Nets take minutes each.
    integers: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
  },
});
const unknown = values.only?.find((name) => !PARTS.some((part) => part === name));
if (unknown !== undefined) throw new Error(`--only takes ${PARTS.join(', ')}, not ${unknown}.`);
const isAsked = (part: Part) => values.only?.includes(part) ?? true;
const log = startLog();
const file = path.join(RESULTS, 'import.json');
let results: ImportResults = {
  ...(existsSync(file) && importResultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))),
  machine: describeMachine(),
  versions: { Node: process.versions.node },
};

await untilStopped(async (signal) => {
  const request = {
    work: path.resolve(values.work),
    python: values.python,
    latentSize: Number(values.size),
    rounds: Number(values.rounds),
    integers: values.integers,
    signal,
    log,
  };
  await mkdir(request.work, { recursive: true });
  if (isAsked('folder')) await keep(await measureFolder(request));
  if (isAsked('calls')) await keep(await measureCalls(request));
  if (isAsked('sdxl')) await keep(await measureSdxl(request));
  console.log(`\n${renderImport(results).join('\n')}`);
}, 'Stopped. Parts that were measured keep their results.');

/** After each part, so that a run that is stopped loses none. */
async function keep(measured: Partial<ImportResults>): Promise<void> {
  const versions = { ...results.versions, ...measured.versions };
  results = importResultsSchema.parse({ ...results, ...measured, versions });
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  const lines = renderImport(results);
  await writeFile(path.join(RESULTS, 'import.md'), `# What importing takes\n\n${lines.join('\n')}\n`);
  writeBlock(path.join(ROOT, 'docs/checkpoints.md'), 'bench:import', lines);
}
