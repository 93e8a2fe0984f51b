import { makeNode } from '@cachequant/onnx';
import { stoppedAfter } from '@cachequant/tensor/testing';
import { expect, test } from 'vitest';
import { buildModel, normal } from './__fixtures__/models.js';
import { correlatedRows, momentsOf } from './__fixtures__/moments.js';
import { inputBlocks } from './gptq/second-moments.js';
import { findLayers } from './layers.js';
import { packWeight } from './packed-weight.js';

const [INPUTS, OUTPUTS] = [24, 40];

function layer() {
  const model = buildModel([makeNode('MatMul', ['x', 'w'], ['y'])], {
    inputs: { x: [2, INPUTS] },
    constants: { w: normal([INPUTS, OUTPUTS], 1) },
    outputs: ['y'],
  });
  return findLayers(model.graph)[0]!;
}

test.each([
  ['plain', undefined, OUTPUTS],
  ['second-order', [moments(1), moments(2)] as const, 4 * INPUTS + OUTPUTS],
] as const)(
  'packWeight, %s, asks its signal in every channel and hands on nothing when stopped',
  async (_, halves, pieces) => {
    const made: unknown[] = [];
    const pack = (signal: AbortSignal) =>
      packWeight(layer(), {
        bits: 4,
        purpose: 'compute',
        moments: halves,
        signal,
        sink: async ({ data }) => {
          made.push(data);
          return data;
        },
      });
    const signal = stoppedAfter(pieces - 1);
    await expect(pack(signal)).rejects.toMatchObject({ code: 'aborted' });
    expect([signal.asked, made]).toEqual([pieces, []]);
    await pack(stoppedAfter(Number.POSITIVE_INFINITY));
    expect(made).toHaveLength(1);
  },
);

function moments(seed: number) {
  return momentsOf(correlatedRows(3 * INPUTS, INPUTS, seed), INPUTS, inputBlocks(INPUTS, INPUTS));
}
