import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { errorOf, graphFile, message, node, tensorProto } from '../__fixtures__/messages.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { encodeModel, parseModel } from '../index.js';
import { type AttributeProto, type GraphProto, MODEL } from '../proto/messages.js';

const small = graphFile({
  name: 'g',
  node: [node({ name: 'a', input: ['x', 'w'], output: ['y'], opType: 'Add' })],
  initializer: [tensorProto({ dims: [2n], rawData: new Uint8Array(8) })],
});

function expectRefused(bytes: Uint8Array, text: RegExp, limits = {}): void {
  const error = errorOf(() => parseModel(bytes, { limits }));
  expect(error).toBeInstanceOf(CacheQuantError);
  expect((error as CacheQuantError).code).toBe('onnx-format');
  expect((error as Error).message).toMatch(text);
}

const nested = (depth: number): GraphProto => {
  let graph = { node: [] } as Partial<GraphProto> as GraphProto;
  for (let i = 0; i < depth; i++) {
    const body = { name: 'body', type: 5n, g: graph } as Partial<AttributeProto> as AttributeProto;
    graph = { node: [node({ attribute: [body] })] } as Partial<GraphProto> as GraphProto;
  }
  return graph;
};

describe('parseModel refuses', () => {
  test('a file cut off at any byte', () => {
    for (let length = 0; length < small.byteLength; length++) {
      const error = errorOf(() => parseModel(small.subarray(0, length)));
      // What is left may be a whole model without its last fields; then there is no error.
      if (error !== undefined) expect(CacheQuantError.is(error)).toBe(true);
    }
    expectRefused(small.subarray(0, small.byteLength - 1), /past the end/);
    expectRefused(new Uint8Array(0), /there is no graph/);
  });

  test('lengths past the end, long varints and unused wire types, with the place', () => {
    expectRefused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /byte 6: a field reaches past the end/);
    expectRefused(Uint8Array.of(0x08, ...new Array(10).fill(0x80), 1), /longer than 10 bytes/);
    expectRefused(Uint8Array.of(0x3a, ...new Array(9).fill(0xff), 1), /too large/);
    expectRefused(Uint8Array.of(0x0b), /wire type/);
    expectRefused(Uint8Array.of(0x00, 0x00), /number 0/);
  });

  test('what is no model at all, saying what it looks like', () => {
    expectRefused(Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:1234'), /git lfs pull/);
    expectRefused(Buffer.from('<!doctype html><html>'), /web page/);
  });

  test('a graph that comes twice', () => {
    expectRefused(Buffer.concat([small, small]), /ModelProto.graph comes twice/);
  });

  test.each([
    ['more elements than bytes', { dims: [1000n], rawData: new Uint8Array(8) }, /4000 bytes.*got 8/],
    [
      'dimensions beyond all memory',
      { dims: [2n ** 31n, 2n ** 31n], rawData: new Uint8Array(8) },
      /no dimensions/,
    ],
    ['a negative dimension', { dims: [-1n], rawData: new Uint8Array(8) }, /no dimensions/],
    ['a dimension beyond 2^53', { dims: [2n ** 60n] }, /out of range/],
    ['no data', { dims: [4n] }, /16 bytes.*got 0/],
    [
      'a huge shape with typed data',
      { dims: [2n ** 40n], dataType: 7n, int64Data: [Uint8Array.of(1)] },
      /more elements/,
    ],
    [
      'too much typed data',
      { dims: [1n], dataType: 7n, int64Data: [Uint8Array.of(1, 2)] },
      /more elements than the shape/,
    ],
    ['typed data cut off', { dims: [1n], dataType: 7n, int64Data: [Uint8Array.of(0x80)] }, /cut off/],
    [
      'more dimensions than any tensor',
      { dims: new Array(65).fill(1n), rawData: new Uint8Array(4) },
      /'rank'/,
    ],
    ['external data without a location', { dims: [1n], dataLocation: 1n }, /without a location/],
    [
      'external data at a negative offset',
      {
        dims: [1n],
        dataLocation: 1n,
        externalData: [
          { key: 'location', value: 'w' },
          { key: 'offset', value: '-4' },
        ],
      },
      /no valid place.*'-4'/,
    ],
  ])('an initializer with %s', (_, fields, text) => {
    expectRefused(graphFile({ initializer: [tensorProto(fields)] }), text);
  });

  test('names that come twice', () => {
    const w = tensorProto({ dims: [0n] });
    expectRefused(graphFile({ initializer: [w, w] }), /initializer 'w': comes twice/);
    expectRefused(graphFile({ input: [{ name: 'x' }, { name: 'x' }] }), /input 'x': comes twice/);
    const attribute = { name: 'k', type: 2n, i: 1n } as AttributeProto;
    expectRefused(graphFile({ node: [node({ attribute: [attribute, attribute] })] }), /'k' comes twice/);
    const opsetImport = [{ version: 17n }, { domain: 'ai.onnx', version: 18n }];
    expectRefused(graphFile({}, { opsetImport }), /17 and 18/);
  });

  test('a tensor that two nodes make, also in a subgraph', () => {
    const twice = [node({ name: 'a', output: ['y'] }), node({ name: 'b', output: ['y'] })];
    expectRefused(graphFile({ node: twice }), /'y' has two origins.*'a'.*'b'/);
    const g = { node: twice } as Partial<GraphProto> as GraphProto;
    const body = { name: 'body', type: 5n, g } as AttributeProto;
    expectRefused(graphFile({ node: [node({ attribute: [body] })] }), /'y' has two origins/);
    expectRefused(graphFile({ input: [{ name: 'y' }], node: [twice[0]!] }), /an input or initializer/);
  });

  test('functions that call themselves, and long chains only if they close', () => {
    const call = (name: string, opType: string) => ({
      name,
      domain: 'local',
      input: [],
      output: [],
      opsetImport: [],
      node: [node({ opType, domain: 'local', output: ['y'] })],
    });
    const chain = Array.from({ length: 12_000 }, (_, i) => call(`f${i}`, `f${i + 1}`));
    expect(parseModel(graphFile({}, { functions: chain })).functions).toHaveLength(12_000);
    expectRefused(graphFile({}, { functions: [call('f', 'g'), call('g', 'f')] }), /call themselves.*local.f/);
    expectRefused(graphFile({}, { functions: [call('f', 'g'), call('f', 'h')] }), /'local.f' comes twice/);
  });

  test('files past each limit, naming it', () => {
    expectRefused(message(MODEL, { graph: nested(40) }), /'depth'/);
    expect(parseModel(message(MODEL, { graph: nested(32) })).graph.nodes).toHaveLength(1);
    const three = graphFile({ node: [node({}), node({}), node({})] });
    expectRefused(three, /'nodes'.*at most 2/, { nodes: 2 });
    expectRefused(small, /'initializers'/, { initializers: 0 });
    expectRefused(small, /'items'/, { items: 3 });
    expectRefused(graphFile({ name: 'x'.repeat(100) }), /'stringBytes'/, { stringBytes: 99 });
    const attribute = ['a', 'b', 'c'].map((name) => ({ name, type: 2n, i: 1n }) as AttributeProto);
    expectRefused(graphFile({ node: [node({ attribute })] }), /'attributes'/, { attributes: 2 });
    expectRefused(message(MODEL, { graph: nested(4) }), /'depth'/, { depth: 5 });
  });

  test('millions of empty messages before they fill the memory', () => {
    const empty = new Uint8Array(1_200_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0));
    expectRefused(graphFile({ unknown: empty }), /'nodes'/);
  });
});

describe('a file with bytes changed at random', () => {
  /** xorshift32; see G. Marsaglia, "Xorshift RNGs", 2003. */
  function generator(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (state >>> 0) % below;
    };
  }

  const MUTATIONS: readonly ((bytes: Uint8Array, random: (below: number) => number) => Uint8Array)[] = [
    (bytes, random) => {
      const changed = bytes.slice();
      for (let i = 0; i < 8; i++) changed[random(changed.byteLength)]! ^= 1 << random(8);
      return changed;
    },
    (bytes, random) => bytes.slice(0, random(bytes.byteLength)),
    (bytes, random) => {
      const changed = bytes.slice();
      const from = random(bytes.byteLength);
      changed.copyWithin(random(bytes.byteLength), from, from + random(64));
      return changed;
    },
    (bytes, random) => {
      const at = random(bytes.byteLength);
      return Buffer.concat([
        bytes.subarray(0, at),
        bytes.subarray(random(bytes.byteLength)).subarray(0, 100),
        bytes.subarray(at),
      ]);
    },
  ];

  test.each(['tiny/dit/model.onnx', 'tiny/sd-unet-dynamo/model.onnx'])('%s is read or refused', (path) => {
    const model = parseModel(loadModelFile(path));
    // Without its weights the file is all structure, so that every change hits some.
    model.graph.initializers.clear();
    model.graph.nodes.length = 60;
    model.graph.valueInfo = new Map([...model.graph.valueInfo].slice(0, 60));
    model.functions = [];
    const bytes = encodeModel(model);
    const random = generator(20250601);
    const outcomes = { read: 0, refused: 0 };
    for (let i = 0; i < 200; i++) {
      const error = errorOf(() => encodeModel(parseModel(MUTATIONS[i % MUTATIONS.length]!(bytes, random))));
      if (error === undefined) outcomes.read += 1;
      else if (CacheQuantError.is(error) && error.code !== 'internal') outcomes.refused += 1;
      else throw error;
    }
    expect(outcomes.read).toBeGreaterThan(10);
    expect(outcomes.refused).toBeGreaterThan(60);
  });
});
