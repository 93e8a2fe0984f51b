import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import {
  cloneModel,
  constantOf,
  encodeModel,
  float,
  floats,
  freshName,
  freshNodeName,
  GraphIndex,
  getFloat,
  getInt,
  getInts,
  getString,
  insertNodes,
  makeNode,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  parseModel,
  readWeight,
  removeDeadNodes,
  replaceUses,
  setOpset,
  topologicalSort,
  weightOf,
} from '../index.js';

const value = (name: string) => ({ name, dtype: 'float32' as const, elementType: 1, dims: [2] });

function graphOf(nodes: OnnxNode[], outputs: string[], inputs: string[] = ['x']): OnnxGraph {
  return {
    name: 'g',
    nodes,
    inputs: inputs.map(value),
    outputs: outputs.map(value),
    valueInfo: new Map(),
    initializers: new Map(),
  };
}

const node = (opType: string, inputs: string[], outputs: string[]) =>
  makeNode(opType, inputs, outputs, {}, { name: `make ${outputs[0]}` });

/** An If whose branches read `captured` from the graph around it. */
function choose(captured: string, output: string): OnnxNode {
  const branch = (opType: string) => graphOf([node(opType, [captured], ['inner'])], ['inner'], []);
  return makeNode('If', ['condition'], [output], { then_branch: branch('Neg'), else_branch: branch('Abs') });
}

const branchInputs = (chosen: OnnxNode) =>
  [...chosen.attributes.values()].map((branch) => branch.type === 'graph' && branch.value.nodes[0]!.inputs);

describe('GraphIndex', () => {
  test('finds producers and consumers, also those that capture', () => {
    const [a, b] = [node('Relu', ['x'], ['a']), node('Add', ['a', 'a'], ['b'])];
    const chosen = choose('a', 'c');
    const index = new GraphIndex(graphOf([a, b, chosen], ['c']));
    expect(index.producer('a')).toBe(a);
    expect(index.producer('x')).toBeUndefined();
    expect(index.consumers('a')).toEqual([b, chosen]);
    expect(index.consumers('inner')).toEqual([]);
    expect(index.consumers('')).toEqual([]);
  });

  test('refresh sees edits', () => {
    const graph = graphOf([node('Relu', ['x'], ['a'])], ['a']);
    const index = new GraphIndex(graph);
    insertNodes(graph, [node('Abs', ['a'], ['b'])]);
    expect(index.consumers('a')).toEqual([]);
    index.refresh();
    expect(index.consumers('a')).toHaveLength(1);
  });

  test('refuses two producers of one tensor', () => {
    const graph = graphOf([node('Relu', ['x'], ['a']), node('Abs', ['x'], ['a'])], ['a']);
    expect(() => new GraphIndex(graph)).toThrow(/'a' has two origins/);
  });
});

describe('topologicalSort', () => {
  test('moves nodes behind what they read, by capture too, and leaves the rest', () => {
    const [a, b, c] = [node('Relu', ['x'], ['a']), node('Abs', ['x'], ['b']), choose('a', 'c')];
    const graph = graphOf([c, b, a], ['c']);
    topologicalSort(graph);
    expect(graph.nodes).toEqual([a, c, b]);
  });

  test('sorts subgraphs', () => {
    const inner = graphOf([node('Abs', ['p'], ['q']), node('Abs', ['x'], ['p'])], ['q'], []);
    topologicalSort(graphOf([makeNode('If', ['x'], ['y'], { then_branch: inner })], ['y']));
    expect(inner.nodes.map(({ outputs }) => outputs[0])).toEqual(['p', 'q']);
  });

  test('sorts chains longer than the call stack', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => node('Abs', [`t${i}`], [`t${i + 1}`])).reverse();
    const graph = graphOf(chain, ['t20000'], ['t0']);
    topologicalSort(graph);
    expect(graph.nodes[0]!.inputs).toEqual(['t0']);
  });

  test('reports a cycle by the names of its nodes', () => {
    const nodes = [node('Relu', ['x', 'c'], ['a']), node('Abs', ['a'], ['b']), node('Neg', ['b'], ['c'])];
    expect(() => topologicalSort(graphOf(nodes, ['c']))).toThrow(/cycle.*make [abc].*make [abc].*make [abc]/);
    expect(() => topologicalSort(graphOf([node('Abs', ['a'], ['a'])], ['a']))).toThrow(/cycle.*make a/);
  });
});

describe('removeDeadNodes', () => {
  test('removes nodes, initializers and value infos that no output needs', () => {
    const graph = graphOf(
      [node('Add', ['x', 'w'], ['a']), node('Add', ['x', 'v'], ['b'])],
      ['a'],
      ['x', 'unused', 'd'],
    );
    for (const name of ['w', 'v', 'd']) graph.initializers.set(name, weightOf(tensor('float32', [2]), name));
    for (const name of ['a', 'b']) graph.valueInfo.set(name, value(name));
    expect(removeDeadNodes(graph)).toBe(1);
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['a']);
    expect([...graph.initializers.keys()]).toEqual(['w', 'd']);
    expect([...graph.valueInfo.keys()]).toEqual(['a']);
    expect(graph.inputs).toHaveLength(3);
  });

  test('keeps what living subgraphs capture, and clears subgraphs', () => {
    const chosen = choose('a', 'c');
    const branch = chosen.attributes.get('then_branch')!;
    if (branch.type === 'graph') branch.value.nodes.push(node('Abs', ['b'], ['dead']));
    const graph = graphOf([node('Relu', ['x'], ['a']), node('Relu', ['x'], ['b']), chosen], ['c']);
    expect(removeDeadNodes(graph)).toBe(2);
    expect(graph.nodes.map(({ outputs }) => outputs[0])).toEqual(['a', 'c']);
  });
});

describe('replaceUses', () => {
  test('rewires inputs and captures, but not a name that a subgraph defines itself', () => {
    const shadow = graphOf([node('Abs', ['a'], ['q'])], ['q'], ['a']);
    const [user, chosen] = [node('Add', ['a', 'a'], ['b']), choose('a', 'c')];
    const loop = makeNode('Loop', ['x'], ['d'], { body: shadow });
    const graph = graphOf([node('Relu', ['x'], ['a']), user, chosen, loop], ['b']);
    expect(replaceUses(graph, 'a', 'z')).toBe('a');
    expect(user.inputs).toEqual(['z', 'z']);
    expect(branchInputs(chosen)).toEqual([['z'], ['z']]);
    expect(shadow.nodes[0]!.inputs).toEqual(['a']);
  });

  test('gives an output of the graph the new value under the old name', () => {
    const [a, wrap] = [node('Relu', ['x'], ['a']), node('Neg', ['a'], ['z'])];
    const graph = graphOf([a, wrap], ['a']);
    const old = replaceUses(graph, 'a', 'z', { except: [wrap] });
    expect([a.outputs, wrap.inputs]).toEqual([[old], [old]]);
    expect(new GraphIndex(graph).producer('a')).toMatchObject({ opType: 'Identity', inputs: ['z'] });
    topologicalSort(graph);
  });

  test('refuses to replace an input that is an output', () => {
    expect(() => replaceUses(graphOf([], ['x']), 'x', 'z')).toThrow(/nothing computes/);
  });
});

describe('names', () => {
  test('freshName avoids inputs, outputs, initializers, and tensors of subgraphs', () => {
    const graph = graphOf([node('Relu', ['x'], ['a']), choose('a', 'c')], ['c']);
    graph.initializers.set('w', weightOf(tensor('float32', []), 'w'));
    const names = ['new', 'x', 'a', 'inner', 'w', 'condition'].map((base) => freshName(graph, base));
    expect(names).toEqual(['new', 'x_1', 'a_1', 'inner_1', 'w_1', 'condition_1']);
    expect(freshNodeName(graph, 'make inner')).toBe('make inner_1');
    expect(freshName(graph, '')).toBe('_1');
  });
});

describe('makeNode', () => {
  test('takes attributes as they are written, and the getters give them back', () => {
    const made = makeNode('Op', ['x', ''], ['y'], {
      axis: 1,
      pads: [0, 2],
      mode: 'linear',
      alpha: float(0.5),
    });
    expect(made.attributes.get('pads')).toEqual({ type: 'ints', value: [0n, 2n] });
    expect([...made.attributes.keys()]).toEqual(['axis', 'pads', 'mode', 'alpha']);
    expect(getInt(made, 'axis', 0)).toBe(1);
    expect(getInts(made, 'pads', [])).toEqual([0, 2]);
    expect(getFloat(made, 'alpha', 1)).toBe(0.5);
    expect(getString(made, 'mode', '')).toBe('linear');
    expect([getInt(made, 'none', 7), getInts(made, 'none', undefined)]).toEqual([7, undefined]);
  });

  test('tells tensors, graphs, lists of strings and floats apart', () => {
    const weight = weightOf(tensor('float32', [1]), 'w');
    const made = makeNode('Op', [], [], {
      t: weight,
      g: graphOf([], []),
      s: ['a'],
      f: floats([1, 2]),
      e: [],
    });
    expect([...made.attributes.values()].map(({ type }) => type)).toEqual([
      'tensor',
      'graph',
      'strings',
      'floats',
      'ints',
    ]);
  });

  test('refuses a fraction that was not marked as a float, and getters another type', () => {
    expect(() => makeNode('Op', [], [], { alpha: 0.5 })).toThrow(/not a whole number.*float\(\)/);
    expect(() => getInt(makeNode('Op', [], [], { axis: 'x' }), 'axis', 0)).toThrow(
      /expected int, got string/,
    );
  });
});

test('insertNodes puts nodes before another, and refuses one from elsewhere', () => {
  const [a, b, c] = [node('Relu', ['x'], ['a']), node('Abs', ['a'], ['b']), node('Neg', ['a'], ['c'])];
  const graph = graphOf([a, b], ['b']);
  insertNodes(graph, [c], { before: b });
  expect(graph.nodes).toEqual([a, c, b]);
  expect(() => insertNodes(graph, [], { before: node('Abs', [], ['z']) })).toThrow(
    /not in the graph.*make z/,
  );
});

test('setOpset raises a version and never lowers it', () => {
  const model = { opsetImports: new Map([['', 17]]) } as OnnxModel;
  setOpset(model, 'ai.onnx', 13);
  setOpset(model, 'com.microsoft', 1);
  setOpset(model, '', 18);
  expect([...model.opsetImports]).toEqual([
    ['', 18],
    ['com.microsoft', 1],
  ]);
});

describe('constantOf', () => {
  const graph = graphOf(
    [
      makeNode('Constant', [], ['int'], { value_int: 3 }),
      makeNode('Constant', [], ['ints'], { value_ints: [1, 2] }),
      makeNode('Constant', [], ['float'], { value_float: float(0.5) }),
      makeNode('Constant', [], ['floats'], { value_floats: floats([0.5, 1.5]) }),
      makeNode('Constant', [], ['tensor'], { value: weightOf(tensor('int8', [1, 1], Int8Array.of(4)), '') }),
      makeNode('Constant', [], ['string'], { value_string: 'x' }),
      node('Relu', ['x'], ['relu']),
    ],
    [],
  );
  graph.initializers.set('w', weightOf(tensor('float32', [1], Float32Array.of(9)), 'w'));

  test.each([
    ['int', 'int64', [], [3n]],
    ['ints', 'int64', [2], [1n, 2n]],
    ['float', 'float32', [], [0.5]],
    ['floats', 'float32', [2], [0.5, 1.5]],
    ['tensor', 'int8', [1, 1], [4]],
    ['w', 'float32', [1], [9]],
  ])('reads %s', async (name, dtype, dims, elements) => {
    const weight = constantOf(graph, name)!;
    expect(weight.name).toBe(name);
    const read = await readWeight(weight);
    expect({ ...read, data: Array.from<number | bigint>(read.data) }).toEqual({
      dtype,
      dims,
      data: elements,
    });
  });

  test('gives undefined for everything else', () => {
    expect(['relu', 'x', 'string', 'none'].map((name) => constantOf(graph, name))).toEqual(
      new Array(4).fill(undefined),
    );
  });
});

test('cloneModel copies all but the bytes of the weights', () => {
  const model: OnnxModel = {
    irVersion: 10,
    opsetImports: new Map([['', 17]]),
    producerName: '',
    metadata: new Map(),
    graph: graphOf([makeNode('Op', ['x'], ['y'], { pads: [1] }), choose('x', 'c')], ['y']),
    functions: [],
  };
  model.graph.initializers.set('w', weightOf(tensor('float32', [2]), 'w'));
  const before = encodeModel(model);
  const copy = cloneModel(model);
  expect(copy).toEqual(model);
  expect(copy.graph.initializers.get('w')!.data).toBe(model.graph.initializers.get('w')!.data);
  copy.graph.nodes[0]!.inputs[0] = 'z';
  copy.graph.nodes[0]!.attributes.clear();
  copy.graph.outputs[0]!.dims![0] = 7;
  copy.graph.initializers.get('w')!.dims[0] = 1;
  replaceUses(copy.graph, 'x', 'v');
  copy.opsetImports.clear();
  expect(encodeModel(model)).toEqual(before);
  expect(parseModel(before)).toEqual(model);
});
