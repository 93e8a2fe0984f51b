import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { findCuts, type OnnxModel } from '@cachequant/onnx';
import { describe, expect, test } from 'vitest';
import { buildGraph } from './build-graph.js';

const FOLDER = new URL('../../../fixtures/architectures/full-size/', import.meta.url);

function built(name: string): OnnxModel {
  const text = gunzipSync(readFileSync(new URL(`${name}.json.gz`, FOLDER))).toString();
  return buildGraph(JSON.parse(text)).model;
}

/** At 1024 × 1024 pixels. */
const MODELS: readonly [name: string, best: string, lastBlock: string, dims: Record<string, number[]>][] = [
  [
    'sd-3.5-medium',
    'joint-delta-6-18',
    'joint-delta-0-23',
    {
      hidden_states: [2, 16, 128, 128],
      encoder_hidden_states: [2, 333, 4096],
      pooled_projections: [2, 2048],
      timestep: [2],
    },
  ],
  [
    'flux-dev',
    'joint-delta-14-43',
    'joint-delta-0-56',
    {
      hidden_states: [1, 4096, 64],
      encoder_hidden_states: [1, 512, 4096],
      pooled_projections: [1, 768],
      txt_ids: [512, 3],
      img_ids: [4096, 3],
      timestep: [1],
      guidance: [1],
    },
  ],
];

describe('findCuts of released models whose text and image attend to each other', () => {
  test.each(MODELS)('%s caches both streams', (name, best, lastBlock, inputDims) => {
    const cuts = findCuts(built(name), { inputDims });
    expect(cuts.map(({ kind }) => kind)).toEqual(cuts.map(() => 'joint-delta'));
    expect(cuts[0]!.id).toBe(best);
    expect(cuts[0]!.cachedShare).toBeCloseTo(0.491, 2);
    const cheapest = cuts.find(({ id }) => id === lastBlock)!;
    expect(cheapest.cachedShare).toBeLessThan(0.04);
    const tokens = inputDims.hidden_states!.at(-1) === 128 ? 64 * 64 : 4096;
    expect(cheapest.cacheDims[1]).toBe(tokens + inputDims.encoder_hidden_states![1]!);
  });
});
