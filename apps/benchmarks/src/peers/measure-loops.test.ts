import { expect, it } from 'vitest';
import { FLOAT } from './measure-block.js';
import { bestPeer, summedLoops } from './measure-loops.js';
import { OURS } from './our-way.js';
import type { Contestant } from './peer-results.js';

const spread = (ms: number) => ({ medianMs: ms, quartilesMs: [ms, ms] as [number, number], calls: 1 });
const contestant = (name: string, full: number, cached?: number): Contestant => ({
  name,
  versions: {},
  full: spread(full),
  ...(cached !== undefined && { cached: spread(cached) }),
});

const blocks = [
  { name: 'a', contestants: [contestant(FLOAT, 100, 10), contestant(OURS, 25, 2), contestant('x', 40, 1)] },
  // A slower moment of the machine: every block is compared with its own float calls.
  { name: 'b', contestants: [contestant(FLOAT, 200, 20), contestant(OURS, 50, 4), contestant('y', 60, 8)] },
];

it('summedLoops adds full and cached calls of a uniform schedule, against the float calls of the same block', () => {
  const loops = summedLoops(blocks);
  const find = (name: string, interval: number) =>
    loops.filter((loop) => loop.name === name && loop.steps === 20 && loop.interval === interval);
  expect(find('x', 5)).toMatchObject([{ seconds: (4 * 40 + 16 * 1) / 1000, speedup: 2000 / 176 }]);
  expect(find('y', 10)).toMatchObject([{ seconds: (2 * 60 + 18 * 8) / 1000, speedup: 4000 / 264 }]);
  expect(find(OURS, 3)).toHaveLength(1);
  expect(loops.every(({ measured }) => !measured)).toBe(true);
});

it('bestPeer is the one with the fastest long loop at interval 5, not ours', () => {
  const peer = (name: string) => ({ name, request: { peer: 'openvino' } }) as const;
  const asked = [
    { name: 'a', peers: [peer('x')] },
    { name: 'b', peers: [peer('y')] },
  ];
  expect(bestPeer(asked, summedLoops(blocks)).name).toBe('x');
});
