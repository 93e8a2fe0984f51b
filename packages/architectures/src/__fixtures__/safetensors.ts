import { toBfloat16, toBytes, toFloat16 } from '@cachequant/tensor';
import type { FloatType } from '../builder/float-types.js';
import type { WeightSource } from '../builder/weight-source.js';
import { formula } from './formula.js';

const NAMES: Readonly<Record<FloatType, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/** A safetensors file with the weights of the formula, whose data start at an odd byte, and the file as a source. */
export function safetensorsOf(
  file: string,
  dtype: FloatType,
  shapes: ReadonlyMap<string, readonly number[]>,
): { bytes: Uint8Array; source: WeightSource } {
  const tensors = new Map([...shapes].map(([name, dims]) => [name, bytesOf(formula(name, dims), dtype)]));
  const entries: Record<string, unknown> = {};
  const offsets = new Map<string, number>();
  let end = 0;
  for (const [name, bytes] of tensors) {
    entries[name] = {
      dtype: NAMES[dtype],
      shape: shapes.get(name),
      data_offsets: [end, end + bytes.byteLength],
    };
    offsets.set(name, end);
    end += bytes.byteLength;
  }
  const json = JSON.stringify(entries);
  const header = new TextEncoder().encode(json.length % 2 === 0 ? `${json} ` : json);
  const length = toBytes(BigUint64Array.of(BigInt(header.byteLength)));
  const start = 8 + header.byteLength;
  const bytes = Buffer.concat([length, header, ...tensors.values()]);
  const source: WeightSource = {
    names: () => shapes.keys(),
    shapeOf: (name) => shapes.get(name),
    dtypeOf: () => dtype,
    locationOf: (name) => ({
      file,
      offset: start + offsets.get(name)!,
      length: tensors.get(name)!.byteLength,
    }),
    read: async (name) => tensors.get(name)!,
  };
  return { bytes, source };
}

function bytesOf(values: Float32Array, dtype: FloatType): Uint8Array {
  if (dtype === 'float32') return toBytes(values);
  return toBytes(dtype === 'float16' ? toFloat16(values) : toBfloat16(values));
}
