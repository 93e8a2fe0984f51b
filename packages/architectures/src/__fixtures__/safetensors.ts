import { openSafetensors, type WeightSource } from '@cachequant/checkpoint';
import { bytesSource, toBfloat16, toBytes, toFloat16 } from '@cachequant/tensor';
import { formula } from './formula.js';

export type FileType = 'float32' | 'float16' | 'bfloat16';

const NAMES: Readonly<Record<FileType, string>> = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' };

/** A safetensors file with the weights of the formula, whose data start at an odd byte, and the file as a source. */
export async function safetensorsOf(
  file: string,
  dtype: FileType,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<{ bytes: Uint8Array; source: WeightSource }> {
  const tensors = [...shapes].map(([name, dims]) => bytesOf(formula(name, dims), dtype));
  const entries: Record<string, unknown> = {};
  let end = 0;
  for (const [at, [name, shape]] of [...shapes].entries()) {
    const start = end;
    end += tensors[at]!.byteLength;
    entries[name] = { dtype: NAMES[dtype], shape, data_offsets: [start, end] };
  }
  const json = JSON.stringify(entries);
  const header = new TextEncoder().encode(json.length % 2 === 0 ? `${json} ` : json);
  const length = toBytes(BigUint64Array.of(BigInt(header.byteLength)));
  const bytes = Buffer.concat([length, header, ...tensors]);
  return { bytes, source: await openSafetensors(bytesSource(file, bytes)) };
}

function bytesOf(values: Float32Array, dtype: FileType): Uint8Array {
  if (dtype === 'float32') return toBytes(values);
  return toBytes(dtype === 'float16' ? toFloat16(values) : toBfloat16(values));
}
