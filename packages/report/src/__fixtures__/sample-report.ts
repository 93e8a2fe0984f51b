import { TorchGenerator } from '@cachequant/tensor';
import type { PicturePair, ReportData, ReportLayer, ReportRow } from '../report-data.js';
import { encodePng } from './png.js';

// Made-up numbers of realistic size; nothing here was measured.
const CALLS = 51;
const WINDOW = 10;
const REFRESH_CALLS = [0, 3, 7, 12, 18, 24, 30, 36, 41, 46];
const UNIFORM_CALLS = Array.from({ length: 11 }, (_, group) => group * 5);

export function sampleReport(): ReportData {
  return {
    title: 'fashion-sd',
    createdAt: '2026-11-22T23:31:00Z',
    versions: { cachequant: '0.1.0', 'onnxruntime-node': '1.30.0', node: 'v22.21.0' },
    settings: [
      { name: 'model', value: 'fashion-sd' },
      { name: 'sampler', value: 'PNDMScheduler' },
      { name: 'steps', value: '50' },
      { name: 'guidance scale', value: '3' },
      { name: 'interval', value: '5' },
      { name: 'bits', value: 'int8 weights, uint8 activations' },
      { name: 'cut', value: 'up_blocks.2, 88 % of the cost' },
      { name: 'machine', value: '2 cores, AVX-512 VNNI' },
      { name: 'calibration', value: '8 prompts, seed 0' },
      { name: 'correction', value: 'forecast from two refreshes' },
    ],
    rows: sampleRows(),
    times: sampleTimes(),
    denoiserItems: [
      { name: 'weights, int8', bytes: 3_204_112 },
      { name: 'weights, float', bytes: 401_408 },
      { name: 'tables', bytes: 188_224 },
      { name: 'full.onnx', bytes: 121_003 },
      { name: 'cached.onnx', bytes: 38_776 },
    ],
    sourceDenoiserBytes: 14_212_908,
    distances: sampleDistances(),
    refreshCalls: REFRESH_CALLS,
    candidates: [
      { schedule: 'dp', correction: 'forecast', refreshCalls: REFRESH_CALLS, psnr: 33.9, chosen: true },
      { schedule: 'dp', correction: 'per channel', refreshCalls: REFRESH_CALLS, psnr: 29.4, chosen: false },
      { schedule: 'dp', correction: 'none', refreshCalls: REFRESH_CALLS, psnr: 28.8, chosen: false },
      { schedule: 'uniform', correction: 'forecast', refreshCalls: UNIFORM_CALLS, psnr: 31.7, chosen: false },
      { schedule: 'uniform', correction: 'none', refreshCalls: UNIFORM_CALLS, psnr: 26.2, chosen: false },
    ],
    errorPerCall: sampleErrors(),
    cacheHits: { full: REFRESH_CALLS.length, cached: CALLS - REFRESH_CALLS.length },
    coverage: {
      integerShare: 0.942,
      plannedShare: 0.951,
      operators: [
        { opType: 'QLinearConv', ms: 3.91, count: 41 },
        { opType: 'GroupNorm', ms: 1.62, count: 30 },
        { opType: 'MatMulIntegerToFloat', ms: 1.38, count: 56 },
        { opType: 'Sigmoid', ms: 0.71, count: 24 },
        { opType: 'MatMul', ms: 0.55, count: 12 },
        { opType: 'QuantizeLinear', ms: 0.48, count: 77 },
        { opType: 'Conv', ms: 0.41, count: 2 },
        { opType: 'Softmax', ms: 0.22, count: 6 },
      ],
    },
    layers: {
      measured: sampleLayers(),
      networkDb: { allInteger: 30.3, chosen: 33.2 },
      floor: 25,
    },
    pictures: Array.from({ length: 8 }, (_, index) => samplePair(index)),
    leftOut: [
      { what: 'int8 text encoder', why: 'It takes 2 ms of an image and lost 0.4 dB.' },
      {
        what: 'conv_in and conv_out in int8',
        why: 'The sensitivity scan found 3.1 dB in them, for 1 % of the time.',
      },
    ],
  };
}

function sampleLayers(): ReportLayer[] {
  return Array.from({ length: 40 }, (_, at) => {
    const slow = at % 9 === 4;
    const floatMs = 0.02 + ((at * 7) % 11) / 20;
    return {
      id: `blocks.${at}.weight:/down_blocks.${at}/attentions.0/transformer_blocks.0/ff/net.0/MatMul_output_0`,
      kind: at % 3 === 0 ? 'convolution' : 'linear',
      compute: slow || at === 0 ? 'float' : 'integer',
      reason: slow ? 'slower in integers' : at === 0 ? 'sensitive to rounding' : '',
      sqnr: 22 + 22 * (1 - 1 / (1 + at / 6)),
      floatMs,
      integerMs: floatMs * (slow ? 1.6 : 0.5),
      ...(at < 10 && { networkDb: 30.3 + (at % 4) / 10 }),
    };
  });
}

function sampleRows(): ReportRow[] {
  const seconds = 1.184;
  const measured = [
    ['fewer-steps', 'Fewer steps (13)', 0.312, 14.21, 22.4, 0.861],
    ['uniform-cache', 'Uniform cache', 0.401, 14.21, 26.2, 0.921],
    ['dp-cache', 'DP cache', 0.392, 14.21, 28.8, 0.944],
    ['int8', 'int8', 0.611, 3.84, 34.6, 0.979],
    ['dp-cache-int8', 'DP cache + int8', 0.268, 3.84, 27.1, 0.93],
    ['cachequant', 'CacheQuant', 0.271, 3.95, 32.6, 0.971],
  ] as const;
  const original: ReportRow = {
    id: 'original',
    label: 'Original',
    secondsPerImage: seconds,
    speedup: 1,
    denoiserBytes: 14_212_908,
    totalBytes: 21_430_112,
    psnr: null,
    psnrInterval: null,
    ssim: null,
  };
  return [
    original,
    ...measured.map(([id, label, time, megabytes, psnr, ssim]) => ({
      id,
      label,
      secondsPerImage: time,
      speedup: seconds / time,
      denoiserBytes: megabytes * 1e6,
      totalBytes: megabytes * 1e6 + 7_217_204,
      psnr,
      psnrInterval: [psnr - 0.9, psnr + 1.1] as const,
      ssim,
    })),
  ];
}

function sampleTimes(): ReportData['times'] {
  const refreshed = new Set(REFRESH_CALLS);
  const calls = Array.from({ length: CALLS }, (_, call) => call);
  return {
    original: { textEncoderMs: 3.2, calls: calls.map(() => ({ kind: 'float', ms: 22.6 })), decoderMs: 28 },
    optimized: {
      textEncoderMs: 3.2,
      calls: calls.map((call) =>
        refreshed.has(call) ? { kind: 'full', ms: 11.1 } : { kind: 'cached', ms: 3.15 },
      ),
      decoderMs: 28,
    },
  };
}

function sampleDistances(): ReportData['distances'] {
  const pace = (call: number) => 1 + 3 * Math.exp(-call / 5) + 2 * Math.exp(-(CALLS - call) / 6);
  const distance = new Float64Array(CALLS * WINDOW);
  for (let call = 0; call < CALLS; call++) {
    let path = 0;
    for (let back = 1; back < WINDOW && back <= call; back++) {
      path += pace(call - back);
      distance[call * WINDOW + back] = 900 * path ** 0.85;
    }
  }
  return { calls: CALLS, window: WINDOW, distance };
}

function sampleErrors(): ReportData['errorPerCall'] {
  const grow = (rate: number) => {
    let error = 0;
    return Array.from({ length: CALLS }, (_, call) => {
      const since = call - REFRESH_CALLS.findLast((step) => step <= call)!;
      error = error * 0.985 + rate * since;
      return error;
    });
  };
  return { corrected: grow(0.00042), uncorrected: grow(0.0011) };
}

function samplePair(index: number): PicturePair {
  const generator = new TorchGenerator(index);
  const noise = generator.randn(32 * 32);
  const paint = (strength: number) => (x: number, y: number) => {
    const distance = Math.hypot((x - 15.5) / (8 + (index % 3)), (y - 15.5) / (10 + (index % 4)));
    const shade = distance < 1 ? 60 + 22 * index - 70 * (1 - distance) : 250;
    const grain = strength * noise[y * 32 + x]!;
    return [shade + grain, shade * 0.92 + grain, shade * 0.85 + grain] as const;
  };
  const picture = (strength: number) => ({ png: encodePng(32, paint(strength)), width: 32, height: 32 });
  return {
    prompt: ['a black ankle boot', 'a white t-shirt', 'a grey handbag', 'a red sneaker'][index % 4]!,
    seed: 1000 + index,
    original: picture(0),
    optimized: picture(5),
    psnr: 33.4 - index * 0.3,
    ssim: 0.97 - index * 0.002,
  };
}
