import type { DType } from '../index.js';
import { tensor } from '../index.js';
import { type NodeSpec, type ValueSpec, writeModel } from './onnx-writer.js';

/** sum, difference float32[n, 3] = a float32[n, 3] ± b float32[] */
export function sumModel() {
  const rows: ValueSpec = { dtype: 'float32', dims: ['n', 3] };
  return writeModel({
    inputs: { a: rows, b: { dtype: 'float32', dims: [] } },
    outputs: { sum: rows, difference: rows },
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
    ],
  });
}

/** [[1, 2, 3], [4, 5, 6]], the weight of the two models below. */
export const WEIGHT = tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));

const PRODUCT = {
  inputs: { x: { dtype: 'float32', dims: [null, 2] } },
  outputs: { y: { dtype: 'float32', dims: [null, 3] } },
  nodes: [{ op: 'MatMul', inputs: ['x', 'weight'], outputs: ['y'] }],
} as const;

/** y [?, 3] = x [?, 2] · weight */
export function productModel() {
  return writeModel({ ...PRODUCT, initializers: { weight: WEIGHT } });
}

/** The same with the weight in `weight.bin` beside the model. */
export function externalProductModel() {
  return writeModel({
    ...PRODUCT,
    external: { weight: { dtype: 'float32', dims: [2, 3], location: 'weight.bin' } },
  });
}

/** y [2n] = x [n] twice, for any element type */
export function repeatModel(dtype: DType) {
  return writeModel({
    inputs: { x: { dtype, dims: ['n'] } },
    outputs: { y: { dtype, dims: [null] } },
    nodes: [{ op: 'Concat', inputs: ['x', 'x'], outputs: ['y'], attributes: { axis: 0 } }],
  });
}

/** y = x + x, of the same shape */
export function doubleModel(dtype: DType, dims: readonly (number | string)[]) {
  return writeModel({
    inputs: { x: { dtype, dims } },
    outputs: { y: { dtype, dims } },
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
}

/** y uint8[1, 1, 2, 2] = QLinearConv of x with the 1×1 weight 2, all scales 1 but `xScale`, which is fed */
export function convModel() {
  const one = tensor('float32', [], Float32Array.of(1));
  const zero = tensor('uint8', []);
  return writeModel({
    inputs: { x: { dtype: 'uint8', dims: [1, 1, 2, 2] }, xScale: { dtype: 'float32', dims: [] } },
    outputs: { y: { dtype: 'uint8', dims: [1, 1, 2, 2] } },
    initializers: {
      one,
      zero,
      weight: tensor('int8', [1, 1, 1, 1], Int8Array.of(2)),
      weightZero: tensor('int8', []),
    },
    nodes: [
      {
        op: 'QLinearConv',
        inputs: ['x', 'xScale', 'zero', 'weight', 'one', 'weightZero', 'one', 'zero'],
        outputs: ['y'],
      },
    ],
  });
}

/** y = x multiplied by itself `depth` times: float32[size, size], as slow as wanted */
export function slowModel(size: number, depth: number) {
  const square: ValueSpec = { dtype: 'float32', dims: [size, size] };
  const nodes = Array.from(
    { length: depth },
    (_, index): NodeSpec => ({
      op: 'MatMul',
      inputs: [index === 0 ? 'x' : `x${index}`, 'x'],
      outputs: [index === depth - 1 ? 'y' : `x${index + 1}`],
    }),
  );
  return writeModel({ inputs: { x: square }, outputs: { y: square }, nodes });
}
