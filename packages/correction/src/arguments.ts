import { CacheQuantError } from '@cachequant/tensor';

export function requireNotNegative(where: string, value: number): void {
  if (value >= 0) return;
  throw new CacheQuantError('invalid-argument', 'the value is out of range', {
    where,
    expected: 'a number ≥ 0',
    got: String(value),
  });
}

export function requireSame(where: string, expected: number | string, got: number | string): void {
  if (expected === got) return;
  throw new CacheQuantError('shape', 'does not fit', { where, expected: String(expected), got: String(got) });
}
