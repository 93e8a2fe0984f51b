import type { WeightSource } from '@cachequant/checkpoint';
import { elementCount, toBytes } from '@cachequant/tensor';

/**
 * Elements of a tensor, from its name alone: a hash of name and index, scaled by what the tensor is for. The same
 * numbers as `formula` in fixtures/architectures/make.py gives, so that no weights need to be stored.
 */
export function formula(name: string, dims: readonly number[]): Float32Array {
  const seed = hashName(name);
  const scale = scaleOf(name, dims);
  const values = new Float32Array(elementCount(dims));
  for (let i = 0; i < values.length; i++) {
    values[i] = scale((mix((Math.imul(i, 2654435769) + seed) >>> 0) >>> 8) / 2 ** 23 - 1);
  }
  return values;
}

function hashName(name: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function scaleOf(name: string, dims: readonly number[]): (u: number) => number {
  if (name.startsWith('input:')) return (u) => u * 1.5;
  if (dims.length === 1) return name.endsWith('weight') ? (u) => 1 + 0.25 * u : (u) => 0.1 * u;
  const factor = Math.sqrt(3 / elementCount(dims.slice(1)));
  return (u) => u * factor;
}

/** A checkpoint whose weights come from the formula. */
export function formulaWeights(shapes: ReadonlyMap<string, readonly number[]>): WeightSource {
  return {
    names: () => shapes.keys(),
    has: (name) => shapes.has(name),
    shapeOf: (name) => shapes.get(name)!,
    dtypeOf: () => 'float32',
    location: () => undefined,
    read: async (name, range) => {
      const values = formula(name, shapes.get(name)!);
      return toBytes(range ? values.slice(range.start, range.start + range.count) : values);
    },
  };
}
