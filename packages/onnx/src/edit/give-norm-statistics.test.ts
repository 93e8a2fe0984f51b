import { tensor } from '@cachequant/tensor';
import { Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { buildModel } from '../__fixtures__/build-model.js';
import { runModel, uniform } from '../__fixtures__/reference.js';
import { float, makeNode } from '../node.js';
import { encodeModel } from '../write/encode-model.js';
import { giveNormStatistics, NORM_STATISTICS } from './give-norm-statistics.js';

const GROUPS = 3;

/** Two norms, one behind the other: of groups, as exporters write a group norm, and of the channels of a picture. */
function normed() {
  const floats = (...values: number[]) => tensor('float32', [values.length], Float32Array.from(values));
  const ints = (...values: number[]) => tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
  const nodes = [
    makeNode('Shape', ['x'], ['shape']),
    makeNode('Reshape', ['x', 'grouped'], ['groups']),
    makeNode('InstanceNormalization', ['groups', 'ones', 'zeros'], ['flat'], { epsilon: float(1e-6) }),
    makeNode('Reshape', ['flat', 'shape'], ['image']),
    makeNode('Sigmoid', ['image'], ['curved']),
    makeNode('InstanceNormalization', ['curved', 'scale', 'bias'], ['y'], { epsilon: float(1e-3) }),
  ];
  return buildModel(nodes, {
    inputs: { x: ['float32', [null, 6, null, null]] },
    outputs: ['y'],
    constants: {
      grouped: ints(0, GROUPS, -1),
      ones: floats(1, 1, 1),
      zeros: floats(0, 0, 0),
      scale: floats(1, -2, 0.5, 3, 1.5, 0.1),
      bias: floats(0, 1, -1, 0.5, 2, -3),
    },
  });
}

function picture(side: number, seed: number): Tensor {
  const next = uniform(seed);
  return new Tensor('float32', Float32Array.from({ length: 2 * 6 * side * side }, next), [2, 6, side, side]);
}

const given = (x: Tensor, statistics: Tensor, isGiven: boolean) => ({
  x,
  [NORM_STATISTICS.given]: statistics,
  [NORM_STATISTICS.isGiven]: new Tensor('bool', [isGiven], []),
});

function expectClose(a: Tensor, b: Tensor) {
  expect(a.dims).toEqual(b.dims);
  const values = b.data as Float32Array;
  for (const [i, value] of (a.data as Float32Array).entries())
    expect(Math.abs(value - values[i]!)).toBeLessThan(1e-4);
}

it('giveNormStatistics keeps a graph that is given nothing, and takes what it reported', async () => {
  const plain = encodeModel(normed());
  const changed = giveNormStatistics(normed())!;
  const count = 2 * (GROUPS + 6);
  expect(changed.graph.inputs.find(({ name }) => name === NORM_STATISTICS.given)!.dims).toEqual([
    null,
    count,
    1,
  ]);
  const bytes = encodeModel(changed);
  const nothing = new Tensor('float32', new Float32Array(2 * count).fill(7), [2, count, 1]);
  const x = picture(8, 3);
  const expected = (await runModel(plain, { x })).y!;
  const own = await runModel(bytes, given(x, nothing, false));
  expectClose(own.y!, expected);
  const again = await runModel(bytes, given(x, own[NORM_STATISTICS.own]!, true));
  expectClose(again.y!, expected);
});

it('giveNormStatistics lets a part of a picture be what it is in the whole', async () => {
  const bytes = encodeModel(giveNormStatistics(normed())!);
  const x = picture(8, 5);
  const nothing = new Tensor('float32', new Float32Array(36), [2, 18, 1]);
  const whole = await runModel(bytes, given(x, nothing, false));
  const corner = (values: Tensor, side: number) =>
    new Tensor(
      'float32',
      Float32Array.from({ length: 2 * 6 * 16 }, (_, i) => {
        const [column, row, plane] = [i % 4, Math.floor(i / 4) % 4, Math.floor(i / 16)];
        return (values.data as Float32Array)[(plane * side + row) * side + column]!;
      }),
      [2, 6, 4, 4],
    );
  const part = await runModel(bytes, given(corner(x, 8), whole[NORM_STATISTICS.own]!, true));
  expectClose(part.y!, corner(whole.y!, 8));
});

it('giveNormStatistics leaves graphs without such norms alone', () => {
  const model = buildModel([makeNode('Relu', ['x'], ['y'])], {
    inputs: { x: ['float32', [1]] },
    outputs: ['y'],
  });
  expect(giveNormStatistics(model)).toBeUndefined();
});
