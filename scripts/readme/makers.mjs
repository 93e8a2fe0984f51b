// @ts-check
import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inRoot, readJson } from '../workspace/paths.mjs';
import { fencesOf } from './blocks.mjs';
import { runExample } from './run-example.mjs';
import { speedPeers, speedPictures, speedProfile } from './speed-tables.mjs';

/**
 * @typedef {import('./blocks.mjs').Block} Block
 * @typedef {(block: Block, folder: string) => string | Promise<string>} Maker
 */

/**
 * What makes the blocks of READMEs, by name. Outputs are those of the example above; tables and transcripts are those of
 * results that were recorded when they were measured.
 *
 * @type {ReadonlyMap<string, Maker>}
 */
export const makers = new Map(
  /** @type {[string, Maker][]} */ ([
    ['output', output],
    ['transcript', transcript],
    ['demo-table', demoTable],
    ['families', families],
    ['full-size', fullSize],
    ['full-size-measured', fullSizeMeasured],
    ['sd15-calls', sd15Calls],
    ['parity', parity],
    ['speed-pictures', () => table(...speedPictures(), 3)],
    ['speed-profile', () => table(...speedProfile(), 3)],
    ['speed-peers', () => table(...speedPeers(), 3)],
    ['studio-bytes', studioBytes],
    ['studio-ratio', studioRatio],
    ['paper-family', async ({ args: [family = ''] }) => (await comparison()).paperFamily(family)],
    ['winners', async () => (await comparison()).winners()],
    ['winners-by-side', async () => (await comparison()).winnersBySide()],
  ]),
);

/** What puts the ablation's tables beside the paper's; it shares their code, so that the benchmarks have to be built. */
const comparison = () => import(pathToFileURL(inRoot('apps/benchmarks/dist/paper/blocks.js')).href);

/**
 * What the example above prints; with `output 2` it goes on from the example before it.
 *
 * @param {Block} block
 */
async function output({ args: [count = '1'], before }) {
  const examples = fencesOf(before).filter(({ language }) => /^[jt]s$/.test(language));
  const code = examples.slice(-Number(count)).map(({ body }) => body);
  const printed = await runExample(code.join('\n'));
  const earlier = code.length > 1 ? `${await runExample(code.slice(0, -1).join('\n'))}\n` : '';
  return fenced(printed.startsWith(earlier) ? printed.slice(earlier.length) : printed);
}

/**
 * A recorded transcript of the package.
 *
 * @param {Block} block
 * @param {string} folder
 */
function transcript({ args: [name = ''] }, folder) {
  return fenced(readFileSync(`${folder}/results/${name}.txt`, 'utf8').trimEnd());
}

function demoTable() {
  const { rows } = readJson(inRoot('apps/demo/results/demo.json'));
  return table(
    ['', 'time per image', 'speed', 'denoiser', 'whole folder', 'PSNR to the original'],
    rows.map((/** @type {any} */ row) => [
      row.id === 'cachequant' ? `**${row.label}**` : row.label,
      `${row.secondsPerImage.toFixed(2)} s`,
      `${row.speedup.toFixed(2)}x`,
      `${(row.denoiserBytes / 1e6).toFixed(2)} MB`,
      `${(row.totalBytes / 1e6).toFixed(2)} MB`,
      row.psnr === null
        ? '–'
        : `${row.psnr.toFixed(1)} dB (${row.psnrInterval.map((/** @type {number} */ bound) => bound.toFixed(1)).join('–')})`,
    ]),
  );
}

/** Rows that the tests of the families wrote. */
function families() {
  const folder = inRoot('packages/optimizer/results/families');
  const rows = readdirSync(folder)
    .sort()
    .map((name) => readJson(`${folder}/${name}`));
  return table(
    ['family', 'as in diffusers', 'asked for by', 'bundle', 'PSNR to float', 'cached call', 'refused'],
    rows.map((row) => [
      row.family,
      `${row.pipeline}, ${row.golden} ${row.golden === 1 ? 'picture' : 'pictures'}`,
      row.asks,
      row.run,
      `${row.psnr} dB`,
      row.cachedShare === null ? '–' : row.cachedShare,
      row.refused.join('; '),
    ]),
    7,
  );
}

/** What `estimateStructure` finds in released models, and how long their pictures would take at the speed of one that was measured. */
function fullSize() {
  const folder = inRoot('packages/optimizer/results/full-size');
  const { calls } = readJson(inRoot('apps/benchmarks/results/sd15-unet.json'));
  const speed = readJson(`${folder}/sd-1.5-unet.json`).multiplyAdds.full / (calls.float.medianMs / 1000);
  const gigabytes = (/** @type {number} */ bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  const seconds = (/** @type {number} */ value) => `${Number(value.toPrecision(2)).toLocaleString('en')} s`;
  const rows = readdirSync(folder).map((name) => readJson(`${folder}/${name}`));
  rows.sort((a, b) => a.parameters - b.parameters);
  return table(
    [
      ...['model', 'parameters', 'a call', 'a cached call', 'planned in integers', 'weights'],
      ...['memory of `optimize`', 'a picture in float', 'with the cache'],
    ],
    rows.map(({ multiplyAdds: { full, cached }, plannedIntegers, ...row }) => {
      const refreshes = Math.ceil(row.steps / row.interval);
      const work = refreshes * full + (row.steps - refreshes) * cached;
      return [
        `${row.model}, ${row.pixels} pixels`,
        `${(row.parameters / 1e6).toLocaleString('en', { maximumFractionDigits: 0 })} M`,
        `${(full / 1e9).toLocaleString('en', { maximumFractionDigits: 0 })} G`,
        `${((100 * cached) / full).toFixed(1)} %`,
        `${plannedIntegers.layers} of ${plannedIntegers.of} layers, ${(100 * plannedIntegers.share).toFixed(0)} %`,
        gigabytes(row.weightBytes),
        gigabytes(row.peakMemoryBytes),
        seconds((row.steps * full) / speed),
        `${seconds(work / speed)} (${row.steps} calls, interval ${row.interval})`,
      ];
    }),
  );
}

function fullSizeMeasured() {
  const { machine, ...row } = readJson(inRoot('packages/optimizer/results/full-size-measured.json'));
  return table(
    [`${row.model}, weights from a seed; ${machine}`, 'time', 'multiply-adds', 'memory of the process'],
    ['full', 'cached'].map((call) => [
      `${call} call, float`,
      `${Math.round(row[`${call}Ms`]).toLocaleString('en')} ms`,
      `${(row[`${call}MultiplyAdds`] / 1e9).toFixed(0)} G`,
      `${(row[`${call}MemoryBytes`] / 1e9).toFixed(1)} GB`,
    ]),
  );
}

function sd15Calls() {
  const { calls } = readJson(inRoot('apps/benchmarks/results/sd15-unet.json'));
  const names = {
    float: 'ONNX Runtime, float',
    qdq: "ONNX Runtime's own quantizer, QDQ int8",
    full: 'CacheQuant, full call',
    cached: 'CacheQuant, cached call',
  };
  return table(
    ['one call', 'median', 'against float'],
    Object.entries(names).map(([key, name]) => {
      const { medianMs } = calls[key];
      const ratio = calls.float.medianMs / medianMs;
      return [
        name,
        `${Math.round(medianMs).toLocaleString('en')} ms`,
        `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`,
      ];
    }),
  );
}

function parity() {
  const { rows } = readJson(inRoot('packages/web/parity.json'));
  const graphs = /** @type {Record<string, string>} */ ({
    model: 'model folder, float32',
    int8: 'bundle, int8',
    float32: 'bundle, float32 over int8 weights',
    float16: 'bundle, float16 over int8 weights',
  });
  const backends = /** @type {Record<string, string>} */ ({
    'web-wasm': 'WebAssembly',
    'web-webgpu': 'WebGPU (SwiftShader)',
  });
  const decibels = (/** @type {number} */ value) => (value >= 100 ? '100' : value.toFixed(1));
  const order = ['model', 'int8', 'float32', 'float16'];
  const place = (/** @type {any} */ { graphs, precision, backend, device }) =>
    2 * order.indexOf(precision ?? graphs) + Number((backend ?? device).includes('webgpu'));
  const sorted = [...rows].sort((a, b) => place(a) - place(b));
  return table(
    ['graphs', 'backend', 'to the same graphs in Node', 'to the original', "Node's to the original"],
    sorted.map((row) =>
      row.notRun
        ? [graphs[row.precision], 'WebGPU', 'not run: no half precision in SwiftShader', '', '']
        : [
            graphs[row.graphs],
            `${backends[row.backend]}${row.graphs === 'float16' ? ', which computes it in float32' : ''}`,
            ...[row.toNode, row.toOriginal, row.nodeToOriginal].map(decibels),
          ],
    ),
    2,
  );
}

function studioBytes() {
  const { firstVisit } = readJson(inRoot('apps/studio/results/measured.json')).bytes;
  const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
  const parts = [firstVisit.page, firstVisit.runtime, firstVisit.model].map(megabytes);
  return table(['page', 'runtime', 'model (original and bundle)'], [parts], 0);
}

function studioRatio() {
  const { wasm } = readJson(inRoot('apps/studio/results/measured.json')).ratio;
  return table(
    ['threads', 'original', 'bundle', 'ratio', 'PSNR'],
    wasm.map((/** @type {any} */ row) => [
      row.threads,
      `${row.originalSeconds.toFixed(2)} s`,
      `${row.cachequantSeconds.toFixed(2)} s`,
      `${row.ratio.toFixed(1)}x`,
      `${row.psnr.toFixed(1)} dB`,
    ]),
    0,
  );
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly unknown[])[]} rows
 * @param {number} [left] how many columns are no numbers
 */
function table(head, rows, left = 1) {
  const line = (/** @type {readonly unknown[]} */ cells) =>
    `|${cells.map((cell) => (cell === '' ? ' |' : ` ${cell} |`)).join('')}`;
  const rule = head.map((_, column) => (column < left ? '---' : '---:'));
  return [head, rule, ...rows].map(line).join('\n');
}

/** @param {string} text */
const fenced = (text) => `\`\`\`\n${text}\n\`\`\``;
