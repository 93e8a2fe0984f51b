import { expect, it } from 'vitest';
import { ablationModels } from '../ablation/models/index.js';
import { floorFor, floorsOf, readFloors } from './floors.js';

it('floorsOf(reference) has other real pictures by their number, and halves as half of all', () => {
  const realImages = {
    accuracy: { first: 1 },
    kindAccuracy: 0.9,
    frechetDistanceOfOther2048RealImages: 0.5,
    frechetDistanceOfOther256RealImages: 2.5,
    frechetDistanceBetweenHalves: 9,
  };
  expect(floorsOf({ count: 8192, realImages })).toEqual([
    { count: 256, distance: 2.5 },
    { count: 2048, distance: 0.5 },
    { count: 4096, distance: 9 },
  ]);
});

it('floorFor(floors, count) takes the same number, else the next larger, else the largest', () => {
  const floors = [256, 1024].map((count) => ({ count, distance: 1 }));
  const counts = [16, 256, 257, 5000].map((count) => floorFor(floors, count)?.count);
  expect(counts).toEqual([256, 256, 1024, 1024]);
  expect(floorFor([], 16)).toBeUndefined();
});

it('readFloors(evaluator) finds floors of every evaluator of the ablation, which fall with the number', async () => {
  for (const name of new Set(ablationModels.map(({ evaluator }) => evaluator.name))) {
    const floors = await readFloors(name);
    expect(floors.length).toBeGreaterThan(0);
    expect(floors.map(({ distance }) => distance)).toEqual(
      floors.map(({ distance }) => distance).sort((a, b) => b - a),
    );
  }
});
