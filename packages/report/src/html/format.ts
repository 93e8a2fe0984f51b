const MINUS = '\u2212';
/** Keeps a number and its unit on one line. */
const NBSP = '\u00a0';

/** A number with this many digits after the point and a true minus sign; "–" where there is no number. */
export function formatNumber(value: number, digits: number): string {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${MINUS}∞`;
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return text.replace('-', MINUS);
}

/** A ratio such as "3.9×", with fewer digits the larger it is. */
export function formatTimes(ratio: number): string {
  return `${formatNumber(ratio, ratio >= 100 ? 0 : ratio >= 10 ? 1 : 2)}×`;
}

/** Decibels; pictures without any difference are "identical". */
export function formatDecibels(value: number | null): string {
  if (value === null) return '–';
  return value === Number.POSITIVE_INFINITY ? 'identical' : `${formatNumber(value, 1)}${NBSP}dB`;
}

/** Bytes in decimal units, three digits. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${formatNumber(value, unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)}${NBSP}${units[unit]}`;
}

/** A duration in milliseconds or seconds. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${formatNumber(ms / 1000, ms >= 100_000 ? 0 : ms >= 10_000 ? 1 : 2)}${NBSP}s`;
  return `${formatNumber(ms, ms >= 99.95 ? 0 : ms >= 9.995 ? 1 : 2)}${NBSP}ms`;
}

/** A share as percent. */
export function formatShare(share: number): string {
  return Number.isFinite(share)
    ? `${formatNumber(share * 100, share > 0.995 && share < 1 ? 1 : 0)}${NBSP}%`
    : '–';
}

/** An ISO date and time as "22 November 2026, 23:31 UTC"; any other text as it is. */
export function formatDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(date);
  const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'UTC' }).format(date);
  return `${day}, ${time} UTC`;
}

/** A number of any size in a few characters: "0.37", "13.2K", "1.8M". */
export function formatCompact(value: number): string {
  const text = value.toLocaleString('en-US', { notation: 'compact', maximumSignificantDigits: 3 });
  return text.replace('-', MINUS);
}
