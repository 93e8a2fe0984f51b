import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { RESULTS, ROOT } from '../paths.js';
import { skippedSteps } from './measure-peers.js';
import { type PeerServers, peerServersSchema, peerServerTables } from './peer-results.js';

const committed = (): PeerServers =>
  peerServersSchema.parse(JSON.parse(readFileSync(path.join(RESULTS, 'serve-peers.json'), 'utf8')));

describe('peerServerTables', () => {
  test('makes the table of the committed results, which stands in docs/serving.md', () => {
    const table = peerServerTables(committed()).join('\n');
    expect(readFileSync(path.join(ROOT, 'docs/serving.md'), 'utf8')).toContain(table);
    expect(readFileSync(path.join(RESULTS, 'serve-peers.md'), 'utf8')).toContain(table);
  });

  test('says the options of a run, and how many steps a cache left', () => {
    const results = committed();
    const server = {
      name: 'stable-diffusion.cpp, q8_0, spectrum',
      seconds: [2],
      peakBytes: 0,
      skippedSteps: 9,
    };
    const request = { ...results.request, width: 512, height: 512, steps: 20 };
    const table = peerServerTables({ ...results, request, servers: [server] }).join('\n');
    expect(table).toContain('--peers --size 512 --steps 20 --rounds 1`');
    expect(table).toContain('one picture each');
    expect(table).toContain('| stable-diffusion.cpp, q8_0, spectrum (computes 11 of 20 steps) | 2.0 s |');
  });
});

describe('skippedSteps', () => {
  test('reads the last picture', () => {
    const said =
      '[INFO ] UCache skipped 3/20 steps (1.18x estimated speedup)\n[INFO ] UCache skipped 8/20 steps\n';
    expect(skippedSteps(said)).toEqual({ skippedSteps: 8 });
  });

  test('knows nothing where nothing is said', () => {
    expect(skippedSteps('sampling completed, taking 3.20s')).toEqual({});
  });
});
