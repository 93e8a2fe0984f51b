import { expect, it } from 'vitest';
import { planOf } from './plan-of.js';

const SAMPLED = [900, 700, 500, 300, 100];

it.each([
  [[900, 500, 300, 100], 'F·Hcc'],
  [[900, 300], 'F··c·'],
  [undefined, 'FcHcc'],
])('tells what is done at every timestep of those that are taken: %o', (timesteps, expected) => {
  const cached = {
    graph: 'cached.onnx',
    refreshCalls: [0, 2],
    conditionalRefreshes: [2],
    anchors: 2,
  } as const;
  expect(planOf(SAMPLED, { full: 'full.onnx', cached, ...(timesteps && { timesteps }) })).toBe(expected);
});
