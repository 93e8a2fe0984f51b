// @ts-check

const algorithms = [
  'onnx',
  'checkpoint',
  'architectures',
  'scheduler',
  'quantizer',
  'correction',
  'samplers',
  'evaluate',
].map((name) => `@cachequant/${name}`);

/**
 * What each package may import from the workspace: arrows point only downwards.
 *
 * @type {ReadonlyMap<string, readonly string[]>}
 */
export const allowedImports = new Map([
  ['@cachequant/tensor', []],
  ['@cachequant/onnx', ['@cachequant/tensor']],
  ['@cachequant/scheduler', ['@cachequant/tensor']],
  ['@cachequant/samplers', ['@cachequant/tensor']],
  ['@cachequant/checkpoint', ['@cachequant/tensor']],
  ['@cachequant/hub', ['@cachequant/tensor', '@cachequant/checkpoint']],
  ['@cachequant/evaluate', ['@cachequant/tensor']],
  ['@cachequant/runtime-node', ['@cachequant/tensor']],
  ['@cachequant/runtime-openvino', ['@cachequant/tensor']],
  ['@cachequant/runtime-web', ['@cachequant/tensor']],
  ['@cachequant/report', ['@cachequant/tensor']],
  ['@cachequant/architectures', ['@cachequant/tensor', '@cachequant/checkpoint', '@cachequant/onnx']],
  ['@cachequant/quantizer', ['@cachequant/tensor', '@cachequant/onnx']],
  ['@cachequant/correction', ['@cachequant/tensor', '@cachequant/onnx']],
  [
    '@cachequant/pipeline',
    ['@cachequant/tensor', ...algorithms.filter((name) => name !== '@cachequant/quantizer')],
  ],
  ['@cachequant/optimizer', ['@cachequant/tensor', ...algorithms, '@cachequant/pipeline']],
  ['@cachequant/server', ['@cachequant/tensor', '@cachequant/pipeline']],
  ['@cachequant/queue', ['@cachequant/tensor', '@cachequant/pipeline', '@cachequant/server']],
  ['@cachequant/web', ['@cachequant/tensor', '@cachequant/pipeline', '@cachequant/runtime-web']],
]);

/** The packages at the top, which may import every package. */
export const topPackages = new Set(['cachequant']);

/** The packages that may import a runtime (`onnxruntime-*`); all others take one by injection. */
export const runtimePackages = new Set([
  '@cachequant/runtime-node',
  '@cachequant/runtime-openvino',
  '@cachequant/runtime-web',
  '@cachequant/web',
  'cachequant',
]);

/** The packages that may use Node's own modules; all others run in browsers too. */
export const nodePackages = new Set([
  '@cachequant/runtime-node',
  '@cachequant/runtime-openvino',
  '@cachequant/hub',
  '@cachequant/server',
  '@cachequant/queue',
  'cachequant',
]);
