import { expect, it } from 'vitest';
import { MersenneTwister } from './mersenne-twister.js';

// The C++ standard fixes the 10000th number of a default-seeded std::mt19937 ([rand.predef]).
it('nextUint32 gives the 10000th number that the C++ standard demands', () => {
  const engine = new MersenneTwister(5489);
  for (let i = 1; i < 10_000; i++) engine.nextUint32();
  expect(engine.nextUint32()).toBe(4123659995);
});
