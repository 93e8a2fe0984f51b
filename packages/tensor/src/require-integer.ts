import { CacheQuantError } from './errors.js';

/**
 * Refuses a number that is not whole, or outside of its bounds.
 * @param where what the number is, for the error
 * @param minimum the least that is allowed
 * @param maximum the most that is allowed; left out: no bound
 * @throws CacheQuantError `invalid-argument`
 */
export function requireInteger(where: string, value: number, minimum: number, maximum = Infinity): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  const expected =
    maximum === Infinity ? `an integer from ${minimum} on` : `an integer in [${minimum}, ${maximum}]`;
  throw new CacheQuantError('invalid-argument', 'the value is out of range', {
    where,
    expected,
    got: String(value),
  });
}
