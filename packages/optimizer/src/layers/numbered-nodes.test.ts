import { makeNode, type OnnxModel } from '@cachequant/onnx';
import { describe, expect, it } from 'vitest';
import { originFinder, withNumberedNodes } from './numbered-nodes.js';

const model: OnnxModel = {
  irVersion: 8,
  opsetImports: new Map([['', 17]]),
  producerName: '',
  metadata: new Map(),
  functions: [],
  graph: {
    name: 'test',
    nodes: [
      makeNode('Conv', ['x', 'w'], ['conv']),
      makeNode('Add', ['conv', 'bias'], ['biased']),
      makeNode('Relu', ['biased'], ['y']),
    ],
    inputs: [],
    outputs: [],
    valueInfo: new Map(),
    initializers: new Map(),
  },
};

describe('originFinder', () => {
  const numbered = withNumberedNodes(model);
  const [conv, add] = numbered.graph.nodes;
  const originOf = originFinder(numbered);

  it.each([
    ['cq0_Conv', conv],
    ['cq1_Add/fused with another', add],
    ['conv_nchwc', conv],
    ['biased_nchwc', conv],
    ['y_nchwc', conv],
    ['ReorderInput_token_7', undefined],
    ['other_nchwc', undefined],
  ])('%s', (name, origin) => {
    expect(originOf(name)).toBe(origin);
  });

  it('leaves the model that was given as it is', () => {
    expect(model.graph.nodes.map(({ name }) => name)).toEqual(['', '', '']);
  });
});
