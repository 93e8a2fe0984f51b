import { expect, test } from 'vitest';
import type { HubProgress } from './index.js';
import { ProgressMeter } from './progress.js';

test('ProgressMeter goes by the last seconds, and not by what was there before', () => {
  let now = 0;
  const told: HubProgress[] = [];
  const meter = new ProgressMeter(
    10_000,
    (progress) => told.push(progress),
    () => now,
  );
  meter.skip('a', 4000);
  expect(told.at(-1)).toMatchObject({ receivedBytes: 4000, bytesPerSecond: undefined });
  for (const bytes of [100, 100, 100]) {
    meter.add('b', bytes);
    now += 1000;
  }
  expect(told.at(-1)).toMatchObject({ receivedBytes: 4300, totalBytes: 10_000 });
  meter.add('b', 100);
  expect(told.at(-1)!.bytesPerSecond).toBeCloseTo(400 / 3);
  expect(told.at(-1)!.remainingSeconds).toBeCloseTo(5600 / (400 / 3));
  for (let i = 0; i < 20; i++) {
    now += 1000;
    meter.add('b', 10);
  }
  expect(told.at(-1)!.bytesPerSecond).toBeCloseTo(10, 0);
  meter.skip('b', -600);
  expect(told.at(-1)!.receivedBytes).toBe(4000);
});
