import { CacheQuantError } from '@cachequant/tensor';

export function requireInteger(where: string, value: number, minimum: number, maximum = Infinity): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  const expected =
    maximum === Infinity ? `an integer from ${minimum} on` : `an integer in [${minimum}, ${maximum}]`;
  throw new CacheQuantError('invalid-argument', 'is out of range', { where, expected, got: String(value) });
}

export function requireDuration(where: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new CacheQuantError('invalid-argument', 'is not a duration', {
    where,
    expected: 'a positive number of milliseconds',
    got: String(value),
  });
}
