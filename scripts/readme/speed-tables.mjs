// @ts-check
import { existsSync } from 'node:fs';
import { inRoot, readJson } from '../workspace/paths.mjs';

const PIXELS_PER_LATENT = 8;
/** What `npm run bench` writes on processors with VNNI, and on those without. */
const RUNS = ['sd15-unet-full', 'sd15-unet', 'sd15-unet-full-no-vnni', 'sd15-unet-no-vnni'];

const read = (/** @type {readonly string[]} */ names) =>
  names
    .map((name) => inRoot(`apps/benchmarks/results/${name}.json`))
    .filter(existsSync)
    .map(readJson);

const processorOf = (/** @type {any} */ { machine }) =>
  `${machine.processor.replace(/\(R\)/g, '')}, ${machine.cores} cores, ${machine.int8FullRange ? 'VNNI' : 'no VNNI'}`;
const pixelsOf = (/** @type {any} */ { latentSize }) =>
  `${PIXELS_PER_LATENT * latentSize}×${PIXELS_PER_LATENT * latentSize}`;
const perMinute = (/** @type {number} */ seconds) => (60 / seconds).toFixed(60 / seconds < 10 ? 2 : 1);

/**
 * Pictures per minute from prompt to pixels, on every processor that a run was committed for.
 *
 * @returns {[head: string[], rows: string[][]]}
 */
export function speedPictures() {
  const rows = read(RUNS).flatMap((run) =>
    groupsOf(run.images).flatMap(([name, images]) => [
      [processorOf(run), pixelsOf(run), `${name}, float`, ...timesOf(images[0].floatSeconds, 1)],
      ...images.map((/** @type {any} */ image) => [
        '',
        '',
        planOf(image),
        ...timesOf(image.seconds, image.speedup),
      ]),
      ...tinyRow(run, images),
    ]),
  );
  return [['processor', 'pixels', 'how', 'seconds', 'a minute', 'against float'], rows];
}

function planOf(/** @type {any} */ { interval, refreshes, searched }) {
  if (refreshes === 'late ones one half') return `interval ${interval}, late refreshes of one half`;
  if (!searched) return `interval ${interval}`;
  const { full, conditional, cached } = searched;
  return `searched in place of interval ${interval}: ${full} full, ${conditional} of one half, ${cached} cached`;
}

/** The fastest of the rows with a tiny decoder in place of the decoder. */
function tinyRow(/** @type {any} */ run, /** @type {any[]} */ images) {
  if (!run.tinyDecoder) return [];
  const fastest = images.reduce((best, image) => (image.seconds < best.seconds ? image : best));
  const seconds = secondsWithTinyDecoder(run, fastest);
  return [['', '', 'the fastest, with a tiny decoder', ...timesOf(seconds, fastest.floatSeconds / seconds)]];
}

/** Of an image of a run whose tiny decoder was measured. */
export function secondsWithTinyDecoder(/** @type {any} */ { tinyDecoder, stages }, /** @type {any} */ image) {
  const { ours } = stages.find((/** @type {any} */ { part }) => part === 'vae_decoder');
  return image.seconds + (tinyDecoder.medianMs - ours.medianMs) / 1000;
}

const timesOf = (/** @type {number} */ seconds, /** @type {number} */ speedup) => [
  seconds.toFixed(1),
  perMinute(seconds),
  `${speedup.toFixed(1)}x`,
];

/** @param {any[]} images @returns {[string, any[]][]} */
function groupsOf(images) {
  const groups = new Map();
  for (const image of images) {
    const name = `${image.steps} steps of ${NAMES[image.sampler]}`;
    groups.set(name, [...(groups.get(name) ?? []), image]);
  }
  return [...groups];
}

/** @type {Record<string, string>} */
const NAMES = { pndm: 'PLMS', 'dpmsolver++': 'DPM-Solver++' };

/**
 * Where the time of a call goes, in kinds of operators.
 *
 * @returns {[head: string[], rows: string[][]]}
 */
export function speedProfile() {
  const kinds = {
    'convolutions and linear layers':
      /^(QLinearConv|MatMulIntegerToFloat|Conv|MatMul|Gemm|FusedConv|MatMulNBits)$/,
    attention: /^(MultiHeadAttention|Softmax)$/,
    'everything else': /./,
  };
  const rows = read(RUNS).flatMap((run) =>
    Object.entries({ float: 'float', int8: 'full', cached: 'cached' }).map(([key, name]) => {
      const left = new Map(Object.keys(kinds).map((kind) => [kind, 0]));
      for (const { opType, ms } of run.profile[key]) {
        const kind = /** @type {string} */ (
          Object.entries(kinds).find(([, pattern]) => pattern.test(opType))?.[0]
        );
        left.set(kind, (left.get(kind) ?? 0) + ms);
      }
      const all = [...left.values()].reduce((sum, ms) => sum + ms, 0);
      const shares = [...left.values()].map((ms) => `${Math.round((100 * ms) / all)} %`);
      return [processorOf(run), pixelsOf(run), name, `${Math.round(all).toLocaleString('en')} ms`, ...shares];
    }),
  );
  return [['processor', 'pixels', 'call', 'in all', ...Object.keys(kinds)], rows];
}

/**
 * Full and cached calls of everybody, in the same run, and the loops that ours run otherwise than peers can.
 *
 * @returns {[head: string[], rows: string[][]]}
 */
export function speedPeers() {
  const rows = read(RUNS.map((name) => name.replace('sd15-unet', 'sd15-unet-peers'))).flatMap((run) => [
    ...callRows(run),
    ...loopRows(run),
  ]);
  const head = [
    ...['processor', 'pixels', 'who', 'full call', 'against float', 'cached call'],
    ...['20 DPM-Solver++ steps, interval 10', '50 PLMS steps, interval 10'],
  ];
  return [head, rows];
}

/** @returns {string[][]} */
function callRows(/** @type {any} */ run) {
  return run.blocks.flatMap((/** @type {any} */ { contestants }, /** @type {number} */ block) => {
    const float = contestants.find((/** @type {any} */ { name }) => name === 'ONNX Runtime, float');
    return contestants
      .filter((/** @type {any} */ { name }) => block === 0 || !/^(ONNX Runtime|CacheQuant)/.test(name))
      .map((/** @type {any} */ { name, full, cached }) =>
        peerRow(run, name, [
          `${Math.round(full.medianMs).toLocaleString('en')} ms`,
          `${(float.full.medianMs / full.medianMs).toFixed(2)}x`,
          cached ? `${Math.round(cached.medianMs)} ms` : '–',
        ]),
      );
  });
}

/** @returns {string[][]} */
function loopRows(/** @type {any} */ run) {
  const timed = run.blocks.flatMap((/** @type {any} */ { contestants }) =>
    contestants.map((/** @type {any} */ { name }) => name),
  );
  const names = new Set(run.loops.map((/** @type {any} */ { name }) => name));
  return [...names].filter((name) => !timed.includes(name)).map((name) => peerRow(run, name, ['', '', '']));
}

function peerRow(
  /** @type {any} */ run,
  /** @type {string} */ name,
  /** @type {[full: string, againstFloat: string, cached: string]} */ calls,
) {
  const loops = ['dpmsolver++', 'pndm'].map((sampler) => loopOf(run, name, sampler));
  return [processorOf(run), pixelsOf(run), name, ...calls, ...loops];
}

function loopOf(/** @type {any} */ run, /** @type {string} */ name, /** @type {string} */ sampler) {
  const found = run.loops.filter(
    (/** @type {any} */ loop) => loop.name === name && loop.sampler === sampler && loop.interval === 10,
  );
  const ran = found.find((/** @type {any} */ { measured }) => measured) ?? found[0];
  return ran ? `${ran.speedup.toFixed(1)}x${ran.measured ? ' (ran)' : ''}` : '–';
}
