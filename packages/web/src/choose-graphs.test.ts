import type { BundleManifest, BundleVariant } from '@cachequant/pipeline';
import type { AdapterDescription } from '@cachequant/runtime-web';
import { describe, expect, test } from 'vitest';
import { chooseGraphs, type GraphWishes, unusedFiles } from './choose-graphs.js';

const GPU: AdapterDescription = {
  vendor: 'v',
  architecture: 'a',
  description: '',
  software: false,
  float16: true,
  largestTensorBytes: 2 ** 27,
};
const SOFTWARE = { ...GPU, software: true, float16: false };

function variant(precision: BundleVariant['precision'], calibrationPsnr: number | null): BundleVariant {
  const graph = (file: string) => ({ file, inputs: {}, outputs: {} });
  return {
    backends: ['webgpu'],
    precision,
    full: graph(`denoiser/full.${precision}.onnx`),
    cached: graph(`denoiser/cached.${precision}.onnx`),
    anchors: 2,
    corrections: { cache: 'forecast', quantization: false },
    largestTensorBytes: 1e6,
    vaeDecoder: 'vae_decoder/model.float32.onnx',
    calibrationPsnr,
  };
}

/** The parts of a manifest that are looked at. */
function manifest(variants: BundleVariant[], target: 'portable' | 'float' = 'portable'): BundleManifest {
  const [full, cached] = [{ file: 'denoiser/full.onnx' }, { file: 'denoiser/cached.onnx' }];
  return { bits: { target }, denoiser: { full, cached, variants }, sizes: [] } as unknown as BundleManifest;
}

const both = manifest([variant('float32', 37), variant('float16', 36.8)]);
const choose = (given: BundleManifest | undefined, wishes: Partial<GraphWishes>) => {
  const { backend, variant } = chooseGraphs(given, { device: 'auto', adapter: undefined, ...wishes });
  return [backend, variant?.precision];
};

describe('chooseGraphs', () => {
  test.each([
    ['integers on WebAssembly where there is no graphics processor', both, {}, ['wasm', undefined]],
    [
      'integers on WebAssembly rather than a graphics processor in software',
      both,
      { adapter: SOFTWARE },
      ['wasm', undefined],
    ],
    ['half precision on a graphics processor that has it', both, { adapter: GPU }, ['webgpu', 'float16']],
    ['float32 on one that has not', both, { adapter: { ...GPU, float16: false } }, ['webgpu', 'float32']],
    [
      'float32 where half precision lost more than 1 dB',
      manifest([variant('float32', 37), variant('float16', 35.9)]),
      { adapter: GPU },
      ['webgpu', 'float32'],
    ],
    [
      'float32 where half precision overflowed',
      manifest([variant('float32', 37), variant('float16', null)]),
      { adapter: GPU },
      ['webgpu', 'float32'],
    ],
    [
      'a software device that was asked for',
      both,
      { device: 'webgpu', adapter: SOFTWARE },
      ['webgpu', 'float32'],
    ],
    ['WebAssembly that was asked for', both, { device: 'wasm', adapter: GPU }, ['wasm', undefined]],
    [
      'float graphs on WebAssembly that were asked for',
      both,
      { device: 'wasm', precision: 'float16' },
      ['wasm', 'float16'],
    ],
    ['WebAssembly for integers of an older bundle', manifest([]), { adapter: GPU }, ['wasm', undefined]],
    [
      'a bundle in float as it is',
      manifest([variant('float16', 40)], 'float'),
      { adapter: GPU },
      ['webgpu', undefined],
    ],
    ['a model folder as it is', undefined, { adapter: GPU }, ['webgpu', undefined]],
  ] as const)('takes %s', (_, given, wishes, expected) => {
    expect(choose(given, wishes)).toEqual(expected);
  });

  test.each([
    [
      'integers on WebGPU without float graphs',
      manifest([]),
      { device: 'webgpu' },
      /integers, which WebGPU cannot/,
    ],
    [
      'half precision without shader-f16',
      both,
      { device: 'webgpu', precision: 'float16', adapter: SOFTWARE },
      /no half precision/,
    ],
    [
      'tensors beyond a buffer',
      both,
      { device: 'webgpu', adapter: { ...GPU, largestTensorBytes: 1000 } },
      /too large.*1000 bytes/s,
    ],
    ['a precision of a model folder', undefined, { precision: 'float16' }, /a model folder runs/],
  ] as const)('refuses %s', (_, given, wishes, message) => {
    expect(() => choose(given, { adapter: GPU, ...wishes })).toThrow(message);
  });
});

test('unusedFiles keeps the graphs of further sizes that are run, and names their other ones', () => {
  const graph = (file: string) => ({ file, inputs: {}, outputs: {} });
  const pair = (ending: string) => ({ full: graph(`f.${ending}`), cached: graph(`c.${ending}`) });
  const variants = [{ precision: 'float16', ...pair('s.float16'), largestTensorBytes: 1 }];
  const size = { width: 1, height: 2, latentDims: [4, 1, 2], ...pair('s'), variants, psnr: 1, images: 1 };
  const sized = { ...both, sizes: [size] } as BundleManifest;
  const ofSize = (files: ReadonlySet<string>) => [...files].filter((file) => /^[fc]\.s/.test(file));
  expect(ofSize(unusedFiles(sized, { backend: 'wasm', variant: undefined }))).toEqual([
    'f.s.float16',
    'c.s.float16',
  ]);
  const half = both.denoiser.variants[1];
  expect(ofSize(unusedFiles(sized, { backend: 'webgpu', variant: half }))).toEqual(['f.s', 'c.s']);
});

test('unusedFiles names the graphs of other backends, and a decoder in integers that is replaced', () => {
  expect([...unusedFiles(both, { backend: 'wasm', variant: undefined })]).toEqual(
    [
      'denoiser/full.float32.onnx',
      'denoiser/cached.float32.onnx',
      'vae_decoder/model.float32.onnx',
      'denoiser/full.float16.onnx',
      'denoiser/cached.float16.onnx',
      'vae_decoder/model.float32.onnx',
    ].filter((file, i, all) => all.indexOf(file) === i),
  );
  expect([...unusedFiles(both, { backend: 'webgpu', variant: both.denoiser.variants[1] })]).toEqual([
    'denoiser/full.onnx',
    'denoiser/cached.onnx',
    'denoiser/full.float32.onnx',
    'denoiser/cached.float32.onnx',
    'vae_decoder/model.onnx',
  ]);
});
