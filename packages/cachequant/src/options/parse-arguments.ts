import { InvalidArgumentError } from 'commander';

/** A whole number of at least `least`, and at most `most`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most >= Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a whole number ${range}.`);
  };
}

/** A number of at least `least`, and at most `most`, which may have decimals. */
export function decimal(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value;
    const range = most === Number.POSITIVE_INFINITY ? `from ${least}` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Expected a number ${range}.`);
  };
}

/** Values of an option that may be given several times. */
export function repeated(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

/** Whole numbers of an option that may be given several times. */
export function repeatedInteger(least: number): (text: string, earlier?: readonly number[]) => number[] {
  const parse = integer(least);
  return (text, earlier = []) => [...earlier, parse(text)];
}

/** `3,7` as whole numbers; the option may be given several times as well. */
export function integers(least: number): (text: string, earlier?: readonly number[]) => number[] {
  const parse = integer(least);
  return (text, earlier = []) => [...earlier, ...commaSeparated(text).map(parse)];
}

/** `a,b` as a list; the option may be given several times as well. */
export function commaSeparated(text: string, earlier: readonly string[] = []): string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > 0) return [...earlier, ...parts];
  throw new InvalidArgumentError('Expected names with commas between them.');
}

/** `name=2,4,16,16` as a shape by name. */
export function shapeByName(
  text: string,
  earlier: Readonly<Record<string, readonly number[]>> = {},
): Record<string, readonly number[]> {
  const [, name, sizes] = /^([^=]+)=((?:\d+(?:,\d+)*)?)$/.exec(text) ?? [];
  if (name === undefined || sizes === undefined) {
    throw new InvalidArgumentError('Expected a form such as sample=2,4,64,64.');
  }
  return { ...earlier, [name]: sizes === '' ? [] : sizes.split(',').map(Number) };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** `6GB`, `500MB`, in bytes. */
export function byteSize(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmg]?)b?$/i.exec(text.trim()) ?? [];
  const value = Math.round(Number(number) * (UNITS[unit?.toLowerCase() ?? ''] ?? Number.NaN));
  if (value > 0) return value;
  throw new InvalidArgumentError('Expected a size such as 6GB or 500MB.');
}
