/** The float32 numbers of float8 bit patterns; exact. */
export function fromFloat8(bits: Uint8Array, type: 'float8e4m3fn' | 'float8e5m2'): Float32Array {
  const values = type === 'float8e4m3fn' ? E4M3FN : E5M2;
  const result = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) result[i] = values[bits[i]!]!;
  return result;
}

/**
 * Source: Micikevicius et al., FP8 Formats for Deep Learning, 2022, https://arxiv.org/abs/2209.05433, table 1.
 * E4M3 has no infinities and one NaN; E5M2 follows IEEE 754.
 */
const E4M3FN = Float32Array.from({ length: 256 }, (_, bits) =>
  (bits & 0x7f) === 0x7f ? Number.NaN : finite(bits, 3, 7),
);

const E5M2 = Float32Array.from({ length: 256 }, (_, bits) => {
  if ((bits & 0x7c) !== 0x7c) return finite(bits, 2, 15);
  if ((bits & 0x03) !== 0) return Number.NaN;
  return bits & 0x80 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
});

function finite(bits: number, mantissaBits: number, bias: number): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> mantissaBits;
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}
