const SIGN_BIT = 0x8000;
const FLOAT32_INFINITY = 0x7f800000;
const FLOAT16_INFINITY = 0x7c00;
const FLOAT16_QUIET_NAN = 0x7e00;

/** Bits of 2^-14, the smallest normal float16, as a float32. */
const SMALLEST_NORMAL = 0x38800000;
/** Bits of 65520 as a float32, from which on a number rounds to infinity. */
const FIRST_OVERFLOW = 0x477ff000;
/** Bits of 2^-25 as a float32: half of the smallest subnormal, which ties to zero. */
const LAST_UNDERFLOW = 0x33000000;
/** What the exponent field of a float32 has more than that of a float16 of the same value. */
const EXPONENT_DIFFERENCE = 0x38000000;

/**
 * Rounds float32 numbers to float16, to the nearest and ties to even.
 * @returns bit patterns; beyond ±65504 infinities, NaN stays NaN, subnormals are kept
 */
export function toFloat16(values: Float32Array): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(source, float16Bits);
}

/** The float32 numbers of float16 bit patterns; exact. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  // Models have billions of them: looking them up is some 25 times as fast as working them out.
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, pattern) => float16Value(pattern));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = float16Values[bits[i]!]!;
  return values;
}

/** The number of each bit pattern; made at the first use. */
let float16Values: Float32Array | undefined;

/**
 * Rounds float32 numbers to bfloat16, to the nearest and ties to even.
 * @returns bit patterns: the upper half of a float32; NaN stays NaN
 */
export function toBfloat16(values: Float32Array): Uint16Array {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(source, bfloat16Bits);
}

/** The float32 numbers of bfloat16 bit patterns; exact. */
export function fromBfloat16(bits: Uint16Array): Float32Array {
  const target = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) target[i] = bits[i]! << 16;
  return new Float32Array(target.buffer);
}

function float16Bits(bits: number): number {
  const sign = (bits >>> 16) & SIGN_BIT;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > FLOAT32_INFINITY) return sign | FLOAT16_QUIET_NAN;
  if (magnitude >= FIRST_OVERFLOW) return sign | FLOAT16_INFINITY;
  if (magnitude >= SMALLEST_NORMAL) return sign | roundShift(magnitude - EXPONENT_DIFFERENCE, 13);
  if (magnitude <= LAST_UNDERFLOW) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  return sign | roundShift(mantissa, 126 - (magnitude >>> 23));
}

function float16Value(bits: number): number {
  const sign = bits & SIGN_BIT ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

function bfloat16Bits(bits: number): number {
  const isNan = (bits & 0x7fffffff) > FLOAT32_INFINITY;
  // Rounding could carry a NaN over into the sign bit; its quiet bit is set instead.
  return isNan ? (bits >>> 16) | 0x40 : roundShift(bits, 16);
}

/** Divides an unsigned integer by a power of two, to the nearest and ties to even. */
function roundShift(value: number, shift: number): number {
  const quotient = value >>> shift;
  const rest = value & (2 ** shift - 1);
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && quotient & 1) ? quotient + 1 : quotient;
}
