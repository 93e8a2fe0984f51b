import { createSampler } from '@cachequant/samplers';
import { describe, expect, test } from 'vitest';
import { SAMPLER_NAMES, samplerOf } from './samplers.js';

describe('samplerOf(name)', () => {
  test.each(SAMPLER_NAMES)('of %s is a sampler that there is', (name) => {
    expect(createSampler({}, { steps: 4, sampler: samplerOf(name)! }).steps).toBe(4);
    expect(samplerOf(name.toLowerCase())).toBe(samplerOf(name));
  });

  test('of another name is undefined', () => {
    expect(samplerOf('toString')).toBeUndefined();
  });
});
