// @ts-check
import { inRoot, readJson } from '../workspace/paths.mjs';
import { secondsWithTinyDecoder } from './speed-tables.mjs';

const results = (/** @type {string} */ name) => readJson(inRoot(`apps/benchmarks/results/${name}.json`));
const ms = (/** @type {{ medianMs: number }} */ { medianMs }) => medianMs;

/**
 * What the prose of READMEs says of results, put together from the results: each text has to stand there word for word.
 *
 * @returns {{ file: string, text: string }[]}
 */
export function quotes() {
  return [
    ...ofStableDiffusion(),
    ...of512Pixels(),
    ...ofPeers(),
    ...ofLevers(),
    ...ofTheStudio(),
    ...ofTheDemo(),
    ...ofThePaper(),
    ...ofFrechetDistances(),
  ];
}

function ofStableDiffusion() {
  const { fullStepSpeedup, cachedCallShare, loops, images } = results('sd15-unet');
  const speeds = (/** @type {any[]} */ rows, /** @type {string} */ sampler) =>
    rows.filter((row) => row.sampler === sampler).map(({ speedup }) => speedup.toFixed(1));
  const [a, b, c] = speeds(loops, 'pndm');
  const [d, e, f] = speeds(loops, 'dpmsolver++');
  const atFive = (/** @type {string} */ sampler) =>
    images.find((/** @type {any} */ row) => row.sampler === sampler && row.interval === 5).speedup.toFixed(1);
  return [
    `An image of 50 PLMS steps is ${a}, ${b} and ${c} times as fast at intervals 3, 5 and 10; one of 20 DPM-Solver++ steps ${d}, ${e} and ${f} times; from the prompt to the pixels at interval 5, ${atFive('pndm')} and ${atFive('dpmsolver++')} times.`,
    `(${cachedCallShare.toFixed(2)} of a float call, the second panel)`,
    `At Stable Diffusion's size with VNNI a full call gains ${fullStepSpeedup.toFixed(1)}x`,
  ].map((text) => ({ file: 'README.md', text }));
}

function of512Pixels() {
  const [fast, slow] = ['sd15-unet-full', 'sd15-unet-full-no-vnni'].map((name) => {
    const run = results(name);
    const at = run.images.find(
      (/** @type {any} */ row) =>
        row.sampler === 'dpmsolver++' && row.interval === 10 && row.refreshes === 'both halves',
    );
    const seconds = [at.seconds, at.floatSeconds, secondsWithTinyDecoder(run, at)];
    const [ours, float, withTiny] = seconds.map((each) => each.toFixed(1));
    return { ours, float, withTiny, speedup: at.speedup.toFixed(1) };
  });
  return [
    `20 DPM-Solver++ steps at interval 10 take ${fast?.ours} s from the prompt to the pixels in place of ${fast?.float}, ${fast?.speedup} times as fast, and ${fast?.withTiny} s with a tiny decoder`,
    `without VNNI ${slow?.ours} s in place of ${slow?.float}, ${slow?.speedup} times as fast, and ${slow?.withTiny} s`,
  ].map((text) => ({ file: 'README.md', text }));
}

function ofPeers() {
  const { blocks } = results('sd15-unet-peers');
  const openvino = blocks.find((/** @type {any} */ { name }) => name === 'OpenVINO').contestants;
  const of = (/** @type {string} */ name) => openvino.find((/** @type {any} */ one) => one.name === name);
  const float = ms(of('ONNX Runtime, float').full);
  const [theirs, ours] = [of('OpenVINO, NNCF int8'), of('CacheQuant')].map(({ full }) => float / ms(full));
  const ahead = Math.round((Number(theirs) / Number(ours) - 1) * 100);
  const text = `its full call is ${ahead} % faster (${theirs?.toFixed(2)}x against ${ours?.toFixed(2)}x of ONNX Runtime's float)`;
  return [
    { file: 'README.md', text },
    ...ofFullPeers().map((quoted) => ({ file: 'README.md', text: quoted })),
  ];
}

function ofFullPeers() {
  const [ours, inOpenVino, nncf] = ['CacheQuant', 'CacheQuant in OpenVINO', 'OpenVINO, NNCF int8'].map(
    (name) => loopsAtTen('sd15-unet-peers-full', name),
  );
  const [slowOurs, slowNncf] = ['CacheQuant', 'OpenVINO, NNCF int8'].map((name) =>
    loopsAtTen('sd15-unet-peers-full-no-vnni', name),
  );
  return [
    `its loop is ${nncf?.same} times as fast as ONNX Runtime's float at interval 10, ours ${ours?.same} with the same cache and ${ours?.half} with one half of guidance at cached calls`,
    `In OpenVINO (\`--target qdq\`) ours is ${inOpenVino?.same} and ${inOpenVino?.half} times as fast, and ${inOpenVino?.late} where late refreshes compute one half as well`,
    `Without VNNI NNCF's loop is ${slowNncf?.same} times as fast, ours in ONNX Runtime ${slowOurs?.same} with the same cache, ${slowOurs?.half} with one half at cached calls and ${slowOurs?.late} with late refreshes too`,
  ];
}

/** What the levers of speed cost and bring on a trained model. */
function ofLevers() {
  const { rows, differences } = results('ablation-levers');
  const list = (/** @type {string} */ lever, sign = 1) =>
    decibelsOf(differences, lever, (difference) => (sign * difference).toFixed(1));
  const row = (/** @type {string} */ id) => rows.find((/** @type {any} */ one) => one.id === id);
  const at = (/** @type {any} */ { timeRatio }) => timeRatio.toFixed(3);
  const [search, fewer] = [row('search-i5'), row('float-dpm-solver++-10')];
  return [
    `one half of guidance at cached calls gains ${list('one-half-at-cached-calls')} at intervals 3, 5 and 10`,
    `evenly spaced late refreshes of one half lose ${list('one-half-at-late-refreshes', -1)}`,
    `is ${list('search')} above those`,
    `at ${at(search)} of the original's time it is ${search.psnrConverged.toFixed(1)} dB from the converged solution, where 10 float steps of DPM-Solver++ are ${fewer.psnrConverged.toFixed(1)} at ${at(fewer)}`,
    `${search.seeds} held-out seeds`,
    ...[5, 10].map((interval) => searchedAt(interval, row)),
    `On models/emoji-sd one half at cached calls changes ${decibelsOf(results('ablation-emoji-sd-levers').differences, 'one-half-at-cached-calls', signed)}`,
  ].map((text) => ({ file: 'README.md', text }));
}

/** A plan that ran at 512×512 without VNNI, and the evenly spaced refreshes that it is to be as good as. */
function searchedAt(/** @type {number} */ interval, /** @type {(id: string) => any} */ row) {
  const loops = results('sd15-unet-full-no-vnni').loops.filter(
    (/** @type {any} */ loop) => loop.interval === interval && loop.sampler === 'pndm',
  );
  const speed = (/** @type {string} */ refreshes) =>
    loops.find((/** @type {any} */ loop) => loop.refreshes === refreshes).speedup.toFixed(1);
  const decibels = (/** @type {string} */ id) => row(`${id}-i${interval}`).psnr.toFixed(1);
  const plan = decibels('search-for-512-pixels-without-vnni');
  const even = decibels('one-half-at-cached-calls');
  return `${speed('searched')} times as fast with ${plan} dB in place of interval ${interval}'s ${speed('both halves')} with ${even}`;
}

/** What a lever changes at intervals 3, 5 and 10. */
function decibelsOf(
  /** @type {any[]} */ differences,
  /** @type {string} */ lever,
  /** @type {(difference: number) => string} */ write,
) {
  const [a, b, c] = [3, 5, 10].map((interval) =>
    write(differences.find(({ better }) => better === `${lever}-i${interval}`).difference),
  );
  return `${a}, ${b} and ${c} dB`;
}

const signed = (/** @type {number} */ value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(1)}`;

/** Loops of 50 PLMS steps at interval 10 that ran, in times of float; peers have the first alone. */
function loopsAtTen(/** @type {string} */ file, /** @type {string} */ name) {
  const ran = results(file).loops.filter((/** @type {any} */ loop) => loop.interval === 10 && loop.measured);
  const at = (/** @type {string} */ way) =>
    ran.find((/** @type {any} */ loop) => loop.name === way)?.speedup.toFixed(1);
  return {
    same: at(name),
    half: at(`${name}, one half at cached calls`),
    late: at(`${name}, one half at cached calls and late refreshes`),
  };
}

function ofTheStudio() {
  const { bytes, ratio, visits } = readJson(inRoot('apps/studio/results/measured.json'));
  const megabytes = (/** @type {number} */ value) => `${(value / 1e6).toFixed(value < 1e6 ? 2 : 1)} MB`;
  const { page, runtime, model } = bytes.firstVisit;
  const seconds = (/** @type {number} */ value) => `${value.toFixed(1)} s`;
  const [first, second] = visits.visits;
  const { interval } = ratio.wasm[0];
  const [one, two] = ratio.wasm.map((/** @type {any} */ row) => row.ratio.toFixed(1));
  return [
    {
      file: 'README.md',
      text: `With ${bytes.model}, a first visit fetches ${megabytes(page)} of page, ${megabytes(runtime)} of runtime and ${megabytes(model)} of models`,
    },
    {
      file: 'README.md',
      text: `the bundle of ${ratio.model} at interval ${interval} is ${one} times as fast as the original on one thread and ${two} times on two`,
    },
    {
      file: 'apps/studio/README.md',
      text: `The original of ${ratio.model} against the bundle in the same page, WebAssembly, interval ${interval},`,
    },
    {
      file: 'apps/studio/README.md',
      text: `Bytes of a first visit with ${bytes.model} until both pictures are there`,
    },
    {
      file: 'apps/studio/README.md',
      text: `the original's picture is there after ${seconds(first.originalSeconds)} and the bundle's after ${seconds(first.cachequantSeconds)} on the first visit, ${seconds(second.originalSeconds)} and ${seconds(second.cachequantSeconds)} on the second`,
    },
    {
      file: 'apps/studio/README.md',
      text: `A host that compresses sends page and runtime together in ${megabytes(bytes.pageAndRuntimeGzip)}.`,
    },
  ];
}

function ofTheDemo() {
  const { integerShare, seeds } = readJson(inRoot('apps/demo/results/demo.json'));
  return [
    { file: 'README.md', text: `from ${seeds} held-out prompts and seeds` },
    {
      file: 'README.md',
      text: `${(integerShare * 100).toFixed(1)} % of the multiply-adds of convolutions and linear layers ran in integer kernels`,
    },
  ];
}

function ofThePaper() {
  const speeds = results('sd15-unet').loops.filter((/** @type {any} */ { sampler }) => sampler === 'pndm');
  const [a, b, c] = speeds.map((/** @type {any} */ { speedup }) => speedup.toFixed(1));
  const { full, cached } = readJson(
    inRoot('packages/optimizer/results/full-size/sd-1.5-unet.json'),
  ).multiplyAdds;
  const { rows } = readJson(inRoot('apps/demo/results/demo.json'));
  const megabytes = (/** @type {string} */ id) =>
    (rows.find((/** @type {any} */ row) => row.id === id).denoiserBytes / 1e6).toFixed(2);
  return [
    `50 PLMS steps run here ${a}, ${b} and ${c} times as fast at intervals 3, 5 and 10`,
    `a cached call of about 23 % of a full one, where ours has ${((100 * cached) / full).toFixed(1)} %.`,
    `takes ${megabytes('cachequant')} of ${megabytes('original')} MB in the demo's bundle.`,
  ].map((text) => ({ file: 'apps/benchmarks/results/paper.md', text }));
}

function ofFrechetDistances() {
  const { rows } = results('ablation-fashion-ddpm');
  const of = (/** @type {string} */ id) =>
    rows.find((/** @type {any} */ row) => row.id === id).frechet.toFixed(1);
  const at = (/** @type {string} */ name) => {
    const [five, ten, twenty] = [5, 10, 20].map((interval) => of(`${name}-i${interval}`));
    return `${five}, ${ten} and ${twenty}`;
  };
  return [
    {
      file: 'README.md',
      text: `on fashion-ddpm ${of('float-ddim-100')} for the original: at intervals 5, 10 and 20 ours have ${at('cachequant-ddim-100')}, the paper's recipe ${at('paper')}`,
    },
    {
      file: 'README.md',
      text: `On fashion-dit and fashion-ldm all that was judged lies within ${farthestFromOriginal(['dit', 'ldm'])} of the original`,
    },
  ];
}

/** Of the Fréchet distances of tables, the largest difference from that of their own original, rounded up. */
function farthestFromOriginal(/** @type {readonly string[]} */ names) {
  const differences = names.flatMap((name) => {
    const { rows } = results(`ablation-fashion-${name}`);
    const judged = rows.filter((/** @type {any} */ { frechet }) => frechet !== null);
    const original = judged.find((/** @type {any} */ { timeRatio }) => timeRatio === 1);
    return judged.map((/** @type {any} */ { frechet }) => Math.abs(frechet - original.frechet));
  });
  return (Math.ceil(10 * Math.max(...differences)) / 10).toFixed(1);
}
