const PREFIXES = ['', ' k', ' M', ' G', ' T'];

/** `4190000` as `4.19 M`. */
export function formatCount(count: number): string {
  const { value, prefix } = scaled(count);
  return `${value}${prefix}`;
}

/** `17184802` as `17.2 MB`. */
export function formatBytes(bytes: number): string {
  const { value, prefix } = scaled(bytes);
  return `${value}${prefix === '' ? ' ' : prefix}B`;
}

/** `254` seconds as `4 min 14 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `0.234` as `23.4 %`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** `[batch, 4, 64, 64]`; `?` for a dimension that is neither known nor named. */
export function formatDims(dims: readonly (number | string | null)[] | undefined): string {
  return dims === undefined ? '[unknown]' : `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function scaled(count: number): { value: string; prefix: string } {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), PREFIXES.length - 1);
  const value = count / 1000 ** power;
  return { value: power === 0 ? String(count) : value.toPrecision(3), prefix: PREFIXES[power]! };
}
