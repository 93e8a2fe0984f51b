import { expect, test } from 'vitest';
import { wholeImages } from './measure-stages.js';

const spread = (medianMs: number) => ({ medianMs, quartilesMs: [medianMs, medianMs] as const, calls: 1 });
const stage = (part: string, float: number, ours: number) => ({
  part,
  form: 'integers',
  reason: '',
  float: { ...spread(float), quartilesMs: [float, float] as [number, number] },
  ours: { ...spread(ours), quartilesMs: [ours, ours] as [number, number] },
  floatBytes: 4,
  bytes: 1,
});

test('wholeImages adds the parts before and behind to both loops', () => {
  const loop = { sampler: 'pndm', steps: 50, interval: 5, floatSeconds: 10, seconds: 1, speedup: 10 };
  const [image] = wholeImages([stage('text_encoder', 500, 500), stage('vae_decoder', 1500, 500)], [loop]);
  expect(image).toEqual({ ...loop, floatSeconds: 12, seconds: 2, speedup: 6 });
});
