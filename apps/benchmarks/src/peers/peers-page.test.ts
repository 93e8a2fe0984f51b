import { expect, it } from 'vitest';
import { FLOAT } from './measure-block.js';
import { OURS } from './our-way.js';
import { peerResultsSchema } from './peer-results.js';
import { renderPeersPage } from './peers-page.js';

const spread = (ms: number) => ({ medianMs: ms, quartilesMs: [ms - 1, ms + 1], calls: 3 });
const results = peerResultsSchema.parse({
  model: 'A model',
  mode: 'quick',
  latentSize: 32,
  batch: 2,
  tokens: 77,
  threads: 2,
  measuredAt: '2026-01-02T03:04:05.000Z',
  machine: { processor: 'P', cores: 2, memoryBytes: 1, int8FullRange: true, bfloat16: false },
  cut: 'up-concat-1',
  blocks: [
    {
      name: 'OpenVINO',
      contestants: [
        { name: FLOAT, versions: { 'ONNX Runtime': '1.0' }, full: spread(100), cached: spread(10) },
        {
          name: OURS,
          versions: { 'ONNX Runtime': '1.0' },
          full: spread(25),
          cached: spread(3),
          sqnrDb: 30.04,
        },
        { name: 'x', versions: { X: '2.0' }, full: spread(40) },
      ],
    },
  ],
  fullCallAgainstBestPeer: { peer: 'x', ratio: 1.6 },
  loops: [
    { name: OURS, sampler: 'pndm', steps: 50, interval: 5, seconds: 1, speedup: 12.3, measured: false },
    { name: OURS, sampler: 'pndm', steps: 50, interval: 5, seconds: 1, speedup: 12.1, measured: true },
  ],
});

it('renderPeersPage shows each call against the float call of its block, and marks loops that ran', () => {
  const page = renderPeersPage(results);
  expect(page).toContain('ONNX Runtime 1.0, X 2.0');
  expect(page).toContain('| CacheQuant | 25 | 24–26 | 4.00x | 3 | 2–4 | 30.0 |');
  expect(page).toContain('| x | 40 | 39–41 | 2.50x |  |  |  |');
  expect(page).toContain('Our full call is 1.60 times as fast as that of x');
  expect(page).toContain('| CacheQuant | 12.3x, 12.1x (ran) |');
  expect(page).toContain('emulation');
});
