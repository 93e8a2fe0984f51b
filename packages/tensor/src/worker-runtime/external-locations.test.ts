import { expect, test } from 'vitest';
import { writeModel } from '../testing/index.js';
import { externalLocations } from './external-locations.js';

const weight = { dtype: 'float32', dims: [2, 3] } as const;
const x = { dtype: 'float32', dims: ['n', 2] } as const;

test('externalLocations names each file of weights once, in the order of the model', () => {
  const model = writeModel({
    inputs: { x },
    outputs: {},
    nodes: [],
    external: {
      a: { ...weight, location: 'b.bin' },
      b: { ...weight, location: 'a.bin' },
      c: { ...weight, location: 'b.bin' },
    },
  });
  expect(externalLocations(model)).toEqual(['b.bin', 'a.bin']);
});

test('externalLocations of a model without external data, or of other bytes, is empty', () => {
  expect(externalLocations(writeModel({ inputs: { x }, outputs: {}, nodes: [] }))).toEqual([]);
  expect(externalLocations(new TextEncoder().encode('<!doctype html><html></html>'))).toEqual([]);
  expect(externalLocations(Uint8Array.of(0x3a, 0xff))).toEqual([]);
  expect(externalLocations(new Uint8Array(0))).toEqual([]);
});
