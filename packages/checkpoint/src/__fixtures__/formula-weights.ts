import { readFileSync } from 'node:fs';
import { crc32, gunzipSync } from 'node:zlib';
import { toBytes } from '@cachequant/tensor';
import type { ElementRange, WeightSource } from '../index.js';

/** What `fixtures/checkpoints/*.py` wrote. */
export function readFixture<T>(name: string): T {
  const file = new URL(`../../../../fixtures/checkpoints/${name}`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as T;
}

/** The elements that `fixtures/checkpoints/formula.py` gives a weight of this name. */
function fill(name: string, count: number): Float32Array {
  const seed = crc32(name);
  return Float32Array.from({ length: count }, (_, i) => {
    const mixed = (Math.imul(i, 2654435761) + seed) >>> 0;
    return (mixed >>> 8) / 2 ** 24 - 0.5;
  });
}

/** float32 weights by that formula, with pretended places in a file, one behind the other. */
export function formulaWeights(shapes: Readonly<Record<string, readonly number[]>>): WeightSource {
  const count = (name: string) => shapes[name]!.reduce((a, b) => a * b, 1);
  const offsets = new Map<string, number>();
  let position = 0;
  for (const name of Object.keys(shapes)) {
    offsets.set(name, position);
    position += 4 * count(name);
  }
  const source = {
    name: 'pretended',
    size: position,
    read: () => Promise.reject(new Error('reads go by name')),
  };
  return {
    names: () => Object.keys(shapes),
    has: (name) => Object.hasOwn(shapes, name),
    shapeOf: (name) => shapes[name]!,
    dtypeOf: () => 'float32',
    location: (name) => ({ source, offset: offsets.get(name)!, length: 4 * count(name) }),
    read: async (name: string, range?: ElementRange) => {
      const { start, count: length } = range ?? { start: 0, count: count(name) };
      return toBytes(fill(name, count(name)).slice(start, start + length));
    },
  };
}
