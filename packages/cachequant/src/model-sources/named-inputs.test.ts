import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Storage } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loneGraph, npyOf } from '../../../pipeline/src/__fixtures__/lone-graph.js';
import { namedInputs } from './named-inputs.js';

let cwd: string;
let storage: Storage;
const npy = npyOf([1, 3, 1, 1], [1, 2, 3]);
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cachequant-inputs-'));
  storage = await loneGraph();
  await writeFile(join(cwd, 'feeds.npy'), npy);
});
afterAll(() => rm(cwd, { recursive: true }));

const named = (...texts: string[]) => namedInputs(texts, { storage, graph: 'graph.onnx', cwd });

describe('namedInputs(texts, graph)', () => {
  it('reads which input is the sample and which the time, either way round', async () => {
    const both = { noisy: { from: 'sample' }, sigma: { from: 'time' } };
    expect(await named('sample=noisy', 'time=sigma')).toEqual(both);
    expect(await named('noisy=sample', 'sigma=timestep')).toEqual(both);
    // A name of the graph goes before what the word means elsewhere.
    expect(await named('sample=x')).toEqual({ x: { from: 'sample' } });
  });

  it('reads numbers, and arrays from the working directory', async () => {
    expect(await named('gain=-7.5e-1', 'x=feeds.npy')).toEqual({
      gain: { from: 'value', value: -0.75 },
      x: { from: 'array', npy: expect.objectContaining({ byteLength: npy.byteLength }) },
    });
  });

  it.each([
    ['sample', /a form such as sample=x/],
    ['=noisy', /names no input/],
    ['noisy=', /names no input/],
    ['sample=nosy', /no input nosy.*expected noisy, sigma, x, gain/],
    ['scale=1', /no input scale/],
    ['gain=much', /nothing is called so/],
    ['x=other.npy', /cannot be read/],
  ])('refuses --input %s', async (text, message) => {
    await expect(named(text)).rejects.toThrow(message);
  });

  it('refuses an input that is named twice', async () => {
    await expect(named('gain=1', 'gain=2')).rejects.toThrow(/gain is named twice/);
  });
});
