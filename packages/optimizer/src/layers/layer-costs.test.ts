import { makeNode, type OnnxGraph, type OnnxNode } from '@cachequant/onnx';
import { describe, expect, it } from 'vitest';
import { type CostedGraph, layerCosts } from './layer-costs.js';
import { layerNodes } from './layer-nodes.js';

const graphOf = (nodes: OnnxNode[]): OnnxGraph => ({
  name: 'test',
  nodes,
  inputs: [],
  outputs: [],
  valueInfo: new Map(),
  initializers: new Map(),
});

/** x → norm → conv → act → (q, k) → attention, once in float and once in integers. */
const float = {
  conv: makeNode('Conv', ['norm', 'wc'], ['conv']),
  bias: makeNode('Add', ['conv', 'b'], ['conv/biased']),
  q: makeNode('MatMul', ['act', 'wq'], ['q']),
  k: makeNode('MatMul', ['act', 'wk'], ['k']),
};
const shared = () => ({
  norm: makeNode('InstanceNormalization', ['x'], ['norm']),
  act: makeNode('Sigmoid', ['conv/biased'], ['act']),
  attention: makeNode('MatMul', ['q', 'k'], ['attention']),
});
const integer = {
  scales: makeNode('Gather', ['table', 'call'], ['scales']),
  quantize: makeNode('QuantizeLinear', ['norm', 'scales'], ['norm/uint8']),
  conv: makeNode('QLinearConv', ['norm/uint8', 'wc/int8'], ['conv/uint8']),
  dequantize: makeNode('DequantizeLinear', ['conv/uint8'], ['conv/biased']),
  quantizeTwice: makeNode('QuantizeLinear', ['act', 'scales'], ['act/uint8']),
  q: makeNode('MatMulIntegerToFloat', ['act/uint8', 'wq/int8'], ['q']),
  k: makeNode('MatMulIntegerToFloat', ['act/uint8', 'wk/int8'], ['k']),
};

const floatNodes = shared();
const floatGraph = graphOf([
  floatNodes.norm,
  float.conv,
  float.bias,
  floatNodes.act,
  float.q,
  float.k,
  floatNodes.attention,
]);
const integerNodes = shared();
const integerGraph = graphOf([
  integer.scales,
  integerNodes.norm,
  integer.quantize,
  integer.conv,
  integer.dequantize,
  integerNodes.act,
  integer.quantizeTwice,
  integer.q,
  integer.k,
  integerNodes.attention,
]);
const kernelsOf = ({ conv, q, k }: typeof float | typeof integer) =>
  new Map([
    [conv, 'conv'],
    [q, 'q'],
    [k, 'k'],
  ]);

describe('layerNodes', () => {
  const nodes = layerNodes(integerGraph, kernelsOf(integer), floatGraph);

  it('gives what leads to a layer to that layer, and what several need to all of them', () => {
    expect(nodes.get(integer.quantize)).toEqual(['conv']);
    expect(nodes.get(integer.quantizeTwice)).toEqual(['q', 'k']);
    expect(nodes.get(integer.scales)).toEqual(['conv', 'q', 'k']);
  });

  it('gives what only follows a layer to that layer', () => {
    expect(nodes.get(integer.dequantize)).toEqual(['conv']);
    const ofFloat = layerNodes(floatGraph, kernelsOf(float), integerGraph);
    expect(ofFloat.get(float.bias)).toEqual(['conv']);
  });

  it('leaves what both forms of the network have to none', () => {
    for (const node of Object.values(integerNodes)) expect(nodes.has(node)).toBe(false);
  });
});

describe('layerCosts', () => {
  const names = new Map<string, OnnxNode>([...Object.entries(integer), ...Object.entries(integerNodes)]);
  const kernels = kernelsOf(integer);
  const graph: CostedGraph = {
    nodes: layerNodes(integerGraph, kernels, floatGraph),
    kernels,
    originOf: (name) => names.get(name),
    convolutions: new Set(['conv']),
  };
  const ran = (...nodes: [name: string, ms: number, opType?: string][]) =>
    nodes.map(([name, ms, opType = names.get(name)!.opType]) => ({ name, ms, opType }));

  it('adds to a kernel its share of what is there for layers alone', () => {
    const costs = layerCosts(
      graph,
      ran(
        ['scales', 3],
        ['norm', 100],
        ['quantize', 4],
        ['conv', 20],
        ['dequantize', 5],
        ['act', 100],
        ['quantizeTwice', 6],
        ['q', 30],
        ['k', 40],
        ['attention', 100],
      ),
    );
    expect(Object.fromEntries(costs)).toEqual({ conv: 30, q: 34, k: 44 });
  });

  it('gives layout changes that the runtime added to the convolution they stand before or behind', () => {
    const costs = layerCosts(
      graph,
      ran(
        ['norm', 100],
        ['quantize', 4],
        ['Transpose_1', 1, 'Transpose'],
        ['conv', 20],
        ['Transpose_2', 2, 'Transpose'],
        ['dequantize', 5],
        ['act', 100],
        ['Transpose_3', 50, 'Transpose'],
        ['quantizeTwice', 6],
        ['q', 30],
      ),
    );
    expect(costs.get('conv')).toBe(32);
    expect(costs.get('q')).toBe(33);
  });

  it('does not count other nodes that the runtime added', () => {
    const costs = layerCosts(graph, ran(['quantize', 4], ['Fused', 9, 'FusedGemm'], ['conv', 20]));
    expect(costs.get('conv')).toBe(24);
  });
});
