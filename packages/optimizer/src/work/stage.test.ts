import { describe, expect, it } from 'vitest';
import { describeKind, type ModelChanges, namedStage, type Stage } from './stage.js';

const VIEW: ModelChanges = ['float', { interval: 3 }];
const WAY = { changes: [], schedule: 'dp', correction: 'forecast', guidance: 'computed' } as const;

describe('namedStage', () => {
  it.each<[Stage, string, string]>([
    [{ kind: 'cut' }, 'cut', 'cut the network in two'],
    [{ kind: 'text encoder' }, 'text encoder', 'quantize the text encoder'],
    [{ kind: 'round', part: 0 }, 'round-0', 'round the 4-bit weights, part 1'],
    [{ kind: 'verify', changes: [] }, 'verify', 'compare with the original'],
    [
      { kind: 'verify', changes: VIEW },
      'float-i3-verify',
      'compare with the original (in float, at interval 3)',
    ],
    [
      { kind: 'point', changes: [{ interval: 1 }] },
      'i1-point',
      'measure the operating point (without a cache)',
    ],
    [{ kind: 'without-cache', changes: [] }, 'candidate-uniform-none', 'try the model without a cache'],
    [
      { kind: 'candidate', ...WAY },
      'candidate-dp-forecast',
      'try the dp schedule with the cache correction "forecast"',
    ],
    [
      { kind: 'candidate', ...WAY, guidance: 'forecast' },
      'candidate-dp-forecast-guidance',
      'try the dp schedule with the cache correction "forecast" and the guidance forecast',
    ],
    [
      { kind: 'candidate', ...WAY, changes: [{ interval: 3 }, { named: 'late' }] },
      'candidate-i3-late-dp-forecast',
      'try the dp schedule with the cache correction "forecast" (at interval 3, late)',
    ],
    [
      { kind: 'smoothing', ...WAY, changes: VIEW, guidance: 'forecast' },
      'smooth-float-i3-dp-forecast-guidance',
      'fit the smoothing of predictions (in float, at interval 3)',
    ],
    [{ kind: 'outputs', ...WAY, correction: 'paper' }, 'outputs-dp-paper', 'fit the quantization correction'],
    [{ kind: 'experiment', name: 'compare' }, 'compare', 'compare'],
  ])('%o has an id for files and a label for people', (stage, id, label) => {
    expect(namedStage(stage)).toEqual({ ...stage, id, label });
  });
});

describe('describeKind', () => {
  it('says what stages of a kind do', () => {
    expect(describeKind('observe')).toBe('observe the float model');
    expect(describeKind('candidate')).toBe('try schedules and cache corrections');
  });
});
