import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCompact,
  formatDate,
  formatDecibels,
  formatMs,
  formatNumber,
  formatShare,
  formatTimes,
} from './format.js';

/** With ordinary spaces, for comparison. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('formats', () => {
  it.each([
    [formatBytes(0), '0 B'],
    [formatBytes(999), '999 B'],
    [formatBytes(999_600), '1.00 MB'],
    [formatBytes(38_776), '38.8 kB'],
    [formatBytes(14_212_908), '14.2 MB'],
    [formatMs(0.2214), '0.22 ms'],
    [formatMs(271), '271 ms'],
    [formatMs(1184), '1.18 s'],
    [formatTimes(3.9), '3.90×'],
    [formatTimes(12.34), '12.3×'],
    [formatShare(0.942), '94 %'],
    [formatShare(0.9999), '100.0 %'],
    [formatShare(1), '100 %'],
    [formatShare(Number.NaN), '–'],
    [formatDecibels(Number.POSITIVE_INFINITY), 'identical'],
    [formatDecibels(null), '–'],
    [formatDecibels(-1.25), '\u22121.3 dB'],
    [formatNumber(Number.NEGATIVE_INFINITY, 1), '\u2212∞'],
    [formatCompact(12_843), '12.8K'],
  ])('%s is what %s should be', (actual, expected) => {
    expect(plain(actual)).toBe(expected);
  });

  it('formatDate(iso) is in UTC, and any other text stays as it is', () => {
    expect(formatDate('2026-11-22T23:31:00+02:00')).toBe('22 November 2026, 21:31 UTC');
    expect(formatDate('yesterday')).toBe('yesterday');
  });
});
