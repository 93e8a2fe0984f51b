import { makeNode, type OnnxModel, readWeight } from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import type { Runtime, Tensor } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildModel, callIndex, normal, run, signalToNoise } from '../__fixtures__/models.js';
import { quantize } from '../__fixtures__/quantize.js';
import { type IntegerTarget, integerWeight, onnxRuntimeTarget } from '../index.js';

/**
 * A target of your own, in standard operators: activations are rounded to their grids and back, weights are integers
 * that become float in the graph, and the layers themselves stay as they were. Runtimes that look for such pairs
 * (OpenVINO, TensorRT, WebNN) compute them in integers; others compute the same numbers in float.
 */
const qdqTarget: IntegerTarget = {
  name: 'qdq',
  opsets: {},
  kernels: { Conv: { input: 0 }, MatMul: { input: 0 }, Gemm: { input: 0 } },
  gridSites: ({ input }) => [input],
  constantZeroPoints: () => [],
  write(builder, rows, layers, { compute }) {
    for (const { id, node, input, kind, inputsFirst, weight, outputChannels } of layers) {
      const packed = compute.get(id)!;
      const rounded = [rows.quantized(input), rows.scale(input), rows.zeroPoint(input)];
      node.inputs[0] = builder.node('DequantizeLinear', rounded, builder.name(`${id}/input`));
      const scales = builder.constant(`${id}/scales`, 'float32', [outputChannels], packed.scales);
      const columns = kind !== 'convolution';
      const axis = columns ? 1 : 0;
      const float = builder.node(
        'DequantizeLinear',
        [integerWeight(builder, packed), scales],
        builder.name(`${id}/weight`),
        { axis },
      );
      if (!columns || inputsFirst) {
        node.inputs[1] = float;
        continue;
      }
      const turned = builder.node('Transpose', [float], builder.name(`${id}/rows`), { perm: [1, 0] });
      const dims = BigInt64Array.from(weight.dims, BigInt);
      const shape = builder.constant(`${id}/dims`, 'int64', [dims.length], dims);
      node.inputs[1] = builder.node('Reshape', [turned, shape], builder.name(`${id}/kernel`));
    }
  },
};

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

interface Case {
  readonly name: string;
  readonly model: OnnxModel;
  readonly xDims: readonly number[];
}

const MATRIX = normal([12, 10], 1, { deviation: 0.3 });
const TURNED = normal([10, 12], 2, { deviation: 0.3 });
const KERNEL = normal([6, 4, 3, 3], 3, { deviation: 0.2 });
const POINT = normal([6, 4, 1, 1], 4, { deviation: 0.4 });

function modelOf(
  node: ReturnType<typeof makeNode>,
  x: readonly number[],
  constants: Record<string, Tensor>,
): OnnxModel {
  return buildModel([node], { inputs: { x }, constants, outputs: ['y'] });
}

const CASES: readonly Case[] = [
  {
    name: 'MatMul',
    xDims: [2, 5, 12],
    model: modelOf(makeNode('MatMul', ['x', 'w'], ['y']), [2, 5, 12], { w: MATRIX }),
  },
  {
    name: 'Gemm with transB',
    xDims: [7, 12],
    model: modelOf(makeNode('Gemm', ['x', 'w'], ['y'], { transB: 1 }), [7, 12], { w: TURNED }),
  },
  {
    name: 'a 3×3 convolution',
    xDims: [1, 4, 6, 5],
    model: modelOf(makeNode('Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1] }), [1, 4, 6, 5], { w: KERNEL }),
  },
  {
    name: 'a 1×1 convolution',
    xDims: [1, 4, 6, 5],
    model: modelOf(makeNode('Conv', ['x', 'w'], ['y']), [1, 4, 6, 5], { w: POINT }),
  },
];

describe.each(CASES)('$name', ({ model, xDims }) => {
  const feedsByCall = [
    { x: normal(xDims, 5, { mean: 0.7 }) },
    { x: normal(xDims, 6, { mean: -2, deviation: 4 }) },
  ];

  test('toIntegerGraph(model, plan, target) writes it as the target says, with the grids of each call', async () => {
    const { model: integer, packed } = await quantize(runtime, model, feedsByCall, { target: qdqTarget });
    const types = new Set(integer.graph.nodes.map(({ opType }) => opType));
    expect(types.has('DequantizeLinear')).toBe(true);
    for (const kernel of Object.keys(onnxRuntimeTarget.kernels)) expect(types.has(kernel)).toBe(false);
    for (const { integers } of packed.values()) {
      expect((await readWeight(integer.graph.initializers.get(integers.name)!)).dtype).toBe('int8');
    }
    for (const [call, feeds] of feedsByCall.entries()) {
      const y = (await run(runtime, integer, { ...feeds, call_index: callIndex(call) })).y!;
      const expected = (await run(runtime, model, feeds)).y!;
      expect(y.dims).toEqual(expected.dims);
      expect(signalToNoise(expected.data, y.data)).toBeGreaterThan(30);
    }
  });
});
