import { tensor } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { disguise } from '../__fixtures__/disguise.js';
import { loadModelFile } from '../__fixtures__/models.js';
import { exampleDims, uniform } from '../__fixtures__/reference.js';
import type { OnnxModel, OnnxNode } from '../model.js';
import { makeNode } from '../node.js';
import { parseModel } from '../read/parse-model.js';
import type { CutCandidate } from './candidate.js';
import { findCuts } from './find-cuts.js';

/** The last up-path concatenation of each U-Net, and how many there are, read off the exporters' names. */
const UNETS = [
  { name: 'fashion-sd/unet', count: 4, best: '/up_blocks.1/attentions.0/Add_output_0' },
  { name: 'tiny/ddpm-unet', count: 9, best: '/up_blocks.2/resnets.1/Div_output_0' },
  { name: 'tiny/sdxl-unet', count: 6, best: '/up_blocks.1/resnets.1/Div_output_0' },
  { name: 'tiny/sd-unet-float-timestep', count: 9, best: '/up_blocks.2/attentions.1/Add_output_0' },
];

const load = (name: string): OnnxModel => parseModel(loadModelFile(`${name}/model.onnx`));

function tensorsOf(cut: CutCandidate): string[] {
  return cut.kind === 'up-concat' ? [cut.tensor] : [cut.start, cut.end].flat();
}

describe.each(UNETS)('findCuts $name', ({ name, count, best }) => {
  const model = load(name);
  const cuts = findCuts(model, { inputDims: exampleDims(model) });

  test('finds every up-path concatenation, the last of them first', () => {
    expect(cuts.map(({ kind }) => kind)).toEqual(new Array(count).fill('up-concat'));
    expect(tensorsOf(cuts[0]!)).toEqual([best]);
    const shares = cuts.map(({ cachedShare }) => cachedShare);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares[0]).toBeLessThan(0.2);
  });
});

test('findCuts on the two exports of one U-Net finds the same cuts', () => {
  const [script, dynamo] = ['tiny/sd-unet-float-timestep', 'tiny/sd-unet-dynamo'].map((name) => {
    const model = load(name);
    return findCuts(model, { inputDims: exampleDims(model) }).map(({ id, cacheDims, cachedShare }) => ({
      id,
      cacheDims,
      share: Number(cachedShare.toFixed(9)),
    }));
  });
  expect(dynamo).toEqual(script);
});

test.each(['fashion-sd/unet', 'tiny/ddpm-unet', 'tiny/dit'])(
  'findCuts %s finds the same cuts under other names and in another order',
  (name) => {
    const model = load(name);
    const inputDims = exampleDims(model);
    const cuts = findCuts(model, { inputDims });
    const { model: other, names } = disguise(model, uniform(11));
    expect(other.graph.nodes.map(({ opType }) => opType)).not.toEqual(
      model.graph.nodes.map(({ opType }) => opType),
    );
    const found = findCuts(other, { inputDims });
    const keys = (list: CutCandidate[]) =>
      list.map(({ id, cachedShare, cacheDims }) => ({ id, cachedShare, cacheDims }));
    expect(keys(found)).toEqual(keys(cuts));
    expect(found.map(tensorsOf)).toEqual(
      cuts.map((cut) => tensorsOf(cut).map((tensorName) => names.get(tensorName))),
    );
  },
);

/** Pairs of a wide and a narrow residual branch over a stream [1, 4, 8]. */
function transformer(blocks: number, swapped = false): OnnxModel {
  const nodes: OnnxNode[] = [makeNode('MatMul', ['x', 'narrow'], ['s0'])];
  const add = (stream: string, branch: string, out: string): OnnxNode =>
    makeNode('Add', swapped ? [branch, stream] : [stream, branch], [out]);
  for (let block = 0; block < blocks; block++) {
    const [a, b] = [`a${block}`, `b${block}`];
    nodes.push(makeNode('Relu', [`s${block}`], [`${a}n`]));
    nodes.push(makeNode('MatMul', [`${a}n`, 'narrow'], [a]), add(`s${block}`, a, `m${block}`));
    nodes.push(makeNode('MatMul', [`m${block}`, 'widen'], [`${b}w`]), makeNode('Erf', [`${b}w`], [`${b}e`]));
    nodes.push(makeNode('MatMul', [`${b}e`, 'shrink'], [b]), add(`m${block}`, b, `s${block + 1}`));
  }
  nodes.push(makeNode('MatMul', [`s${blocks}`, 'narrow'], ['y']));
  return buildModel(nodes, {
    inputs: { x: ['float32', [1, 4, 8]] },
    constants: {
      narrow: tensor('float32', [8, 8]),
      widen: tensor('float32', [8, 32]),
      shrink: tensor('float32', [32, 8]),
    },
    outputs: ['y'],
  });
}

describe('findCuts on a transformer', () => {
  test.each([false, true])(
    'of 28 blocks prefers the 14 in the middle (inputs of Add swapped: %s)',
    (swapped) => {
      const cuts = findCuts(transformer(28, swapped), { inputDims: {} });
      expect(cuts.length).toBe(32);
      expect(cuts[0]).toMatchObject({
        id: 'residual-delta-7-21',
        kind: 'residual-delta',
        start: 's7',
        end: 's21',
        blocks: { before: 7, cached: 14, after: 7 },
        cacheDims: [1, 4, 8],
        dtype: 'float32',
      });
      // 28 blocks of 9 matrix units, and one unit at either end.
      expect(cuts[0]!.cachedShare).toBeCloseTo((14 * 9 + 2) / (28 * 9 + 2), 12);
    },
  );

  test('keeps a block at either end', () => {
    const cuts = findCuts(transformer(4), { inputDims: {} });
    expect(cuts.map(({ id }) => id).sort()).toEqual([
      'residual-delta-1-2',
      'residual-delta-1-3',
      'residual-delta-2-3',
    ]);
  });

  test('of two blocks finds nothing', () => {
    expect(findCuts(transformer(2), { inputDims: {} })).toEqual([]);
  });
});

describe('findCuts on a concatenation', () => {
  const feature = (name: string, from: string): OnnxNode => makeNode('Conv', [from, 'w'], [name]);
  const parts = {
    inputs: { x: ['float32', [1, 4, 6, 6]] as ['float32', number[]] },
    constants: {
      w: tensor('float32', [4, 4, 1, 1]),
      h: tensor('float32', [2, 8, 1, 1]),
      h3: tensor('float32', [2, 12, 1, 1]),
    },
    outputs: ['y'],
  };

  test.each([{ order: ['deep', 'skip'] }, { order: ['skip', 'deep'] }])(
    'caches the deeper input of $order',
    ({ order }) => {
      const nodes = [
        feature('skip', 'x'),
        feature('deep', 'skip'),
        makeNode('Concat', order, ['c'], { axis: -3 }),
        makeNode('Conv', ['c', 'h'], ['y']),
      ];
      expect(findCuts(buildModel(nodes, parts), { inputDims: {} }).map(tensorsOf)).toEqual([['deep']]);
    },
  );

  test('of siblings finds nothing', () => {
    const nodes = [
      feature('a', 'x'),
      feature('b', 'x'),
      makeNode('Concat', ['a', 'b'], ['c'], { axis: 1 }),
      makeNode('Conv', ['c', 'h'], ['y']),
    ];
    expect(findCuts(buildModel(nodes, parts), { inputDims: {} })).toEqual([]);
  });

  test('of three inputs finds nothing', () => {
    const nodes = [
      feature('a', 'x'),
      feature('b', 'a'),
      makeNode('Concat', ['a', 'b', 'x'], ['c'], { axis: 1 }),
      makeNode('Conv', ['c', 'h3'], ['y']),
    ];
    expect(findCuts(buildModel(nodes, parts), { inputDims: {} })).toEqual([]);
  });

  test('of tensors that share a size alone finds nothing', () => {
    const nodes = [
      feature('a', 'x'),
      makeNode('Shape', ['a'], ['s']),
      makeNode('Expand', ['x', 's'], ['e']),
      feature('b', 'e'),
      makeNode('Concat', ['a', 'b'], ['c'], { axis: 1 }),
      makeNode('Conv', ['c', 'h'], ['y']),
    ];
    expect(findCuts(buildModel(nodes, parts), { inputDims: {} })).toEqual([]);
  });
});
