import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, exposeTensors, randomFeeds, runModel } from '../__fixtures__/reference.js';
import {
  encodeModel,
  extractSubgraph,
  GraphIndex,
  makeNode,
  type OnnxModel,
  type OnnxNode,
  parseModel,
  topologicalSort,
  weightOf,
} from '../index.js';

const value = (name: string) => ({ name, dtype: 'float32' as const, elementType: 1, dims: [2] });

function modelOf(nodes: OnnxNode[], outputs: string[], untyped: string[] = []): OnnxModel {
  const made = nodes.flatMap((node) => node.outputs).filter((name) => !untyped.includes(name));
  return {
    irVersion: 10,
    opsetImports: new Map([
      ['', 17],
      ['local', 1],
    ]),
    producerName: '',
    metadata: new Map(),
    graph: {
      name: 'g',
      nodes,
      inputs: ['x', 'y'].map(value),
      outputs: outputs.map(value),
      valueInfo: new Map(made.map((name) => [name, value(name)])),
      initializers: new Map(['w', 'v'].map((name) => [name, weightOf(tensor('float32', [2]), name)])),
    },
    functions: [],
  };
}

const node = (opType: string, inputs: string[], outputs: string[], domain = '') =>
  makeNode(opType, inputs, outputs, {}, { domain });

const names = (values: readonly { name: string }[]) => values.map(({ name }) => name);

describe('extractSubgraph', () => {
  test('keeps what lies between, with the inputs and weights that are still needed', () => {
    const nodes = [
      node('Add', ['x', 'w'], ['a']),
      node('Add', ['a', 'v'], ['b']),
      node('Add', ['b', 'y'], ['c']),
    ];
    const model = modelOf(nodes, ['c']);
    const { graph } = extractSubgraph(model, { inputs: ['a'], outputs: ['c'] });
    expect(names(graph.inputs)).toEqual(['y', 'a']);
    expect(graph.inputs[1]).toEqual(value('a'));
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['b', 'c']);
    expect([...graph.initializers.keys()]).toEqual(['v']);
    expect(graph.initializers.get('v')!.data).toBe(model.graph.initializers.get('v')!.data);
    expect([...graph.valueInfo.keys()]).toEqual(['b']);
    expect(model.graph.nodes).toHaveLength(3);
  });

  test('takes an output of a node away that is needed for another', () => {
    const nodes = [node('Split', ['x'], ['a', 'b']), node('Add', ['a', 'b'], ['c'])];
    const { graph } = extractSubgraph(modelOf(nodes, ['c']), { inputs: ['a'], outputs: ['c'] });
    expect(graph.nodes[0]!.outputs).toEqual(['a_unused', 'b']);
    expect(new GraphIndex(graph).producer('a')).toBeUndefined();
    expect(nodes[0]!.outputs).toEqual(['a', 'b']);
  });

  test('follows captures of subgraphs, and stops at captured inputs', () => {
    const body = {
      ...modelOf([node('Abs', ['a'], ['p'])], ['p']).graph,
      inputs: [],
      initializers: new Map(),
    };
    const nodes = [
      node('Relu', ['x'], ['a']),
      makeNode('If', ['y'], ['c'], { then_branch: body, else_branch: body }),
    ];
    const model = modelOf(nodes, ['c']);
    expect(extractSubgraph(model, { inputs: [], outputs: ['c'] }).graph.nodes).toHaveLength(2);
    const { graph } = extractSubgraph(model, { inputs: ['a'], outputs: ['c'] });
    expect([names(graph.inputs), graph.nodes.length]).toEqual([['y', 'a'], 1]);
  });

  test('keeps the functions that are used, also by functions', () => {
    const fn = (name: string, opType: string) => ({
      name,
      domain: 'local',
      overload: '',
      inputs: ['i'],
      outputs: ['o'],
      nodes: [node(opType, ['i'], ['o'], 'local')],
      opsetImports: new Map([['local', 1]]),
    });
    const model = modelOf([node('F', ['x'], ['a'], 'local'), node('H', ['x'], ['b'], 'local')], ['a', 'b']);
    model.functions = [fn('F', 'G'), fn('G', 'Abs'), fn('H', 'Abs')];
    expect(names(extractSubgraph(model, { inputs: [], outputs: ['a'] }).functions)).toEqual(['F', 'G']);
  });

  test('lets an initializer become an input', () => {
    const model = modelOf([node('Add', ['x', 'w'], ['a'])], ['a']);
    const { graph } = extractSubgraph(model, { inputs: ['w'], outputs: ['a'] });
    expect([names(graph.inputs), graph.initializers.size]).toEqual([['x', 'w'], 0]);
    expect(graph.inputs[1]).toEqual(value('w'));
  });

  test('takes types from outside, and says which tensor has none', () => {
    const model = modelOf([node('Relu', ['x'], ['a']), node('Abs', ['a'], ['b'])], ['b'], ['a']);
    expect(() => extractSubgraph(model, { inputs: ['a'], outputs: ['b'] })).toThrow(/type of the tensor 'a'/);
    const types = new Map([['a', { dtype: 'float16' as const, dims: ['n', 3] }]]);
    const { graph } = extractSubgraph(model, { inputs: ['a'], outputs: ['b'], types });
    expect(graph.inputs[0]).toEqual({ name: 'a', dtype: 'float16', elementType: 10, dims: ['n', 3] });
  });

  test('refuses tensors that are not there, that come twice, or that nothing makes', () => {
    const model = modelOf([node('Add', ['x', 'nowhere'], ['a'])], ['a']);
    expect(() => extractSubgraph(model, { inputs: ['z'], outputs: ['a'] })).toThrow(
      /inputs: the graph has no tensor 'z'/,
    );
    expect(() => extractSubgraph(model, { inputs: [], outputs: ['z'] })).toThrow(
      /outputs: the graph has no tensor 'z'/,
    );
    expect(() => extractSubgraph(model, { inputs: [], outputs: [] })).toThrow(/nothing to compute/);
    expect(() => extractSubgraph(model, { inputs: ['x', 'x'], outputs: ['a'] })).toThrow(/'x' comes twice/);
    expect(() => extractSubgraph(model, { inputs: [], outputs: ['a'] })).toThrow(
      /nothing makes the tensor 'nowhere'/,
    );
  });

  test.each(['tiny/dit/model.onnx', 'tiny/ddpm-unet/model.onnx'])(
    'cuts %s into halves that compute the whole',
    async (path) => {
      const bytes = loadModelFile(path);
      const model = parseModel(bytes);
      const feeds = randomFeeds(model, exampleDims(model), 3);
      const middle = middleTensor(model);
      const whole = await runModel(exposeTensors(bytes, [middle]), feeds);
      const types = new Map([[middle, { dtype: 'float32' as const, dims: undefined }]]);
      const outputs = names(model.graph.outputs);
      const head = extractSubgraph(model, { inputs: [], outputs: [middle], types });
      const tail = extractSubgraph(model, { inputs: [middle], outputs, types });
      topologicalSort(tail.graph);
      expect(head.graph.nodes.length).toBeLessThan(model.graph.nodes.length);
      expect(tail.graph.nodes.length).toBeLessThan(model.graph.nodes.length);
      const feedsOf = (part: OnnxModel, all: typeof feeds) =>
        Object.fromEntries(names(part.graph.inputs).map((name) => [name, all[name]!]));
      const first = await runModel(encodeModel(head), feedsOf(head, feeds));
      expect(first[middle]!.data).toEqual(whole[middle]!.data);
      const second = await runModel(encodeModel(tail), feedsOf(tail, { ...feeds, ...first }));
      for (const name of outputs) expect(second[name]!.data).toEqual(whole[name]!.data);
    },
  );
});

/** The output of the convolution or matrix product in the middle of the graph. */
function middleTensor(model: OnnxModel): string {
  const { nodes } = model.graph;
  const heavy = nodes.filter(({ opType }) => opType === 'Conv' || opType === 'MatMul' || opType === 'Gemm');
  return heavy[Math.floor(heavy.length / 2)]!.outputs[0]!;
}
