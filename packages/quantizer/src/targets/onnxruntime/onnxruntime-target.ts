import type { IntegerTarget } from '../integer-target.js';
import { integerConvolutions } from './integer-convolution.js';
import { integerProduct } from './integer-product.js';

/**
 * ONNX Runtime's CPU kernels. Convolutions become QLinearConv, which takes scales as runtime tensors at full speed and
 * is fastest with a constant zero point; linear layers and 1×1 convolutions MatMulIntegerToFloat, whose output is not
 * rounded.
 */
export const onnxRuntimeTarget: IntegerTarget = {
  name: 'onnxruntime',
  opsets: { 'com.microsoft': 1 },
  kernels: { QLinearConv: { input: 1, output: 6 }, MatMulIntegerToFloat: { input: 2 } },
  gridSites: ({ kind, input, output }) => (kind === 'convolution' ? [input, output] : [input]),
  constantZeroPoints: ({ kind, input }) => (kind === 'convolution' ? [input] : []),
  write(builder, rows, layers, plan) {
    const convolutions = layers.filter(({ kind }) => kind === 'convolution');
    integerConvolutions(builder, rows, convolutions, plan);
    for (const layer of layers) {
      if (layer.kind !== 'convolution') integerProduct(builder, rows, layer, plan);
    }
  },
};
