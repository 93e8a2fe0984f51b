import type { DType } from '@cachequant/tensor';
import { type Element, isFloat, isInteger } from './facts.js';

/**
 * Rounds a result as its type would. Unknown where an integer type has no room for it, or where it is too large to be
 * exact here: runtimes wrap around, in ways that differ.
 */
export function roundTo(dtype: DType | null, value: number): Element {
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  if (dtype === 'float32') return Math.fround(value);
  if (!isInteger(dtype)) return value;
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) && isWithin(dtype!, whole) ? whole : null;
}

/** Whether an integer type has room for a number. */
function isWithin(dtype: DType, value: number): boolean {
  const bits = Number(/\d+$/.exec(dtype)?.[0]);
  return dtype.startsWith('u') ? value >= 0 && value < 2 ** bits : Math.abs(value + 0.5) < 2 ** (bits - 1);
}

type Operation = (a: Element, b: Element, dtype: DType | null) => Element;

/** An operation on two numbers; anything symbolic is unknown unless `symbolic` has an answer. */
function onNumbers(apply: (a: number, b: number) => number, symbolic?: Operation): Operation {
  return (a, b, dtype) => {
    if (typeof a === 'number' && typeof b === 'number') {
      const result = apply(a, b);
      return Number.isNaN(result) ? null : roundTo(dtype, result);
    }
    return symbolic?.(a, b, dtype) ?? null;
  };
}

/** True, false or unknown for whether two elements are equal; symbols of dimensions are never negative. */
function equal(a: Element, b: Element): Element {
  if (a === null || b === null) return null;
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 1 : null;
  const number = typeof a === 'number' ? a : b;
  return typeof number === 'number' && number < 0 ? 0 : null;
}

/** Whether a symbol lies above a number, for the few cases where its being no less than 0 decides it. */
function symbolAbove(a: Element, b: Element): Element {
  return typeof a === 'string' && typeof b === 'number' && b < 0 ? 1 : null;
}

function symbolNotBelow(a: Element, b: Element): Element {
  return typeof a === 'string' && typeof b === 'number' && b <= 0 ? 1 : null;
}

export const BINARY_OPERATIONS: Readonly<Record<string, Operation>> = {
  Add: onNumbers(
    (a, b) => a + b,
    (a, b) => (b === 0 ? a : a === 0 ? b : null),
  ),
  Sub: onNumbers(
    (a, b) => a - b,
    (a, b) => (b === 0 ? a : a !== null && a === b ? 0 : null),
  ),
  Mul: onNumbers(
    (a, b) => a * b,
    (a, b) => (a === 1 ? b : b === 1 ? a : a === 0 || b === 0 ? 0 : null),
  ),
  Div: onNumbers(
    (a, b) => (b === 0 ? Number.NaN : a / b),
    (a, b) => (b === 1 ? a : null),
  ),
  Mod: onNumbers((a, b) => (b === 0 ? Number.NaN : a - b * Math.floor(a / b))),
  Pow: onNumbers((a, b) => a ** b),
  Min: onNumbers(Math.min),
  Max: onNumbers(Math.max, (a, b) => (symbolNotBelow(a, b) ? a : symbolNotBelow(b, a) ? b : null)),
};

export const COMPARISONS: Readonly<Record<string, Operation>> = {
  Equal: onNumbers((a, b) => Number(a === b), equal),
  Greater: onNumbers((a, b) => Number(a > b), symbolAbove),
  GreaterOrEqual: onNumbers((a, b) => Number(a >= b), symbolNotBelow),
  Less: onNumbers(
    (a, b) => Number(a < b),
    (a, b) => symbolAbove(b, a),
  ),
  LessOrEqual: onNumbers(
    (a, b) => Number(a <= b),
    (a, b) => symbolNotBelow(b, a),
  ),
  And: onNumbers(
    (a, b) => Number(a !== 0 && b !== 0),
    (a, b) => (a === 0 || b === 0 ? 0 : null),
  ),
  Or: onNumbers(
    (a, b) => Number(a !== 0 || b !== 0),
    (a, b) => (a === 1 || b === 1 ? 1 : null),
  ),
  Xor: onNumbers((a, b) => Number((a !== 0) !== (b !== 0))),
};

export const UNARY_OPERATIONS: Readonly<Record<string, (a: number) => number>> = {
  Neg: (a) => -a,
  Abs: Math.abs,
  Sqrt: Math.sqrt,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Round: roundHalfToEven,
  Reciprocal: (a) => 1 / a,
  Exp: Math.exp,
  Log: Math.log,
  Sign: Math.sign,
};

function roundHalfToEven(a: number): number {
  const floor = Math.floor(a);
  if (a - floor !== 0.5) return Math.round(a);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** One element as another type; a dimension's symbol stays itself in the types that can hold it. */
export function castElement(value: Element, to: DType | null): Element {
  if (typeof value === 'number') {
    // Exporters write "to the end" as the largest int64, which is 2^63 as a number.
    return to === 'int64' && Math.abs(value) <= 2 ** 63 ? Math.trunc(value) : roundTo(to, value);
  }
  return isInteger(to) || isFloat(to) ? value : null;
}
