import { describe, expect, test } from 'vitest';
import { recordedIo } from '../__fixtures__/command-line.js';
import { createProgress, remainingSeconds } from './progress.js';

describe('createProgress on something other than a terminal', () => {
  test('prints notes, and a line at most every five seconds with the remaining time', () => {
    const { io, stderr } = recordedIo('.');
    let nowMs = 0;
    const progress = createProgress(io.stderr, () => nowMs);
    progress.note('observe the float model');
    for (let done = 0; done <= 20; done++) {
      progress.update('observe', done, 20);
      nowMs += 1000;
    }
    progress.stop();
    expect(stderr().split('\n')).toEqual([
      'observe the float model',
      '  observe: 5/20, about 15 s left',
      '  observe: 10/20, about 10 s left',
      '  observe: 15/20, about 5 s left',
      '',
    ]);
  });

  test('begins a task again that starts over', () => {
    const { io, stderr } = recordedIo('.');
    let nowMs = 0;
    const progress = createProgress(io.stderr, () => nowMs);
    for (const done of [0, 1, 2, 3, 0, 1, 2]) {
      progress.update('try', done, 10);
      nowMs += 3000;
    }
    expect(stderr().split('\n')).toEqual([
      '  try: 2/10, about 24 s left',
      '  try: 2/10, about 24 s left',
      '',
    ]);
  });

  test('a short task prints nothing', () => {
    const { io, stderr } = recordedIo('.');
    const progress = createProgress(io.stderr);
    for (let done = 0; done <= 3; done++) progress.update('draw', done, 3);
    expect(stderr()).toBe('');
  });
});

describe('remainingSeconds(elapsedMs, done, total)', () => {
  test('goes on at the pace so far, and knows nothing before the first part', () => {
    expect(remainingSeconds(3000, 1, 4)).toBe(9);
    expect(remainingSeconds(3000, 4, 4)).toBe(0);
    expect(remainingSeconds(3000, 0, 4)).toBeUndefined();
  });
});
