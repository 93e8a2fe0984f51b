import { bytesSource, toBfloat16, toBytes, toFloat16 } from '@cachequant/tensor';
import { expect, test } from 'vitest';
import { encodeSafetensors } from './__fixtures__/encode-safetensors.js';
import { float32Chunks, fromFloat8, openSafetensors, readFloat32 } from './index.js';

const values = Float32Array.of(0, -1, 0.5, 448, 2 ** -9, -0.015625);
const weights = await openSafetensors(
  bytesSource(
    'w',
    encodeSafetensors({
      f32: { dtype: 'F32', shape: [6], bytes: toBytes(values) },
      f64: { dtype: 'F64', shape: [6], bytes: toBytes(Float64Array.from(values)) },
      f16: { dtype: 'F16', shape: [6], bytes: toBytes(toFloat16(values)) },
      bf16: { dtype: 'BF16', shape: [6], bytes: toBytes(toBfloat16(values)) },
      f8: { dtype: 'F8_E4M3', shape: [2, 3], bytes: Uint8Array.of(0x00, 0xb8, 0x30, 0x7e, 0x01, 0x88) },
      i64: { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) },
    }),
  ),
);

test.each(['f32', 'f64', 'f16', 'bf16', 'f8'])('readFloat32 of %s is exact', async (name) => {
  expect(await readFloat32(weights, name)).toEqual(values);
  expect(await readFloat32(weights, name, { start: 1, count: 3 })).toEqual(values.slice(1, 4));
});

test('readFloat32 refuses integers', async () => {
  await expect(readFloat32(weights, 'i64')).rejects.toMatchObject({ code: 'dtype', got: 'int64' });
});

test('float32Chunks gives every element once, in order, and stops on request', async () => {
  const chunks: Float32Array[] = [];
  for await (const chunk of float32Chunks(weights, 'f16', { chunkElements: 4 })) chunks.push(chunk);
  expect(chunks).toEqual([values.slice(0, 4), values.slice(4)]);
  const signal = AbortSignal.abort();
  await expect(float32Chunks(weights, 'f16', { signal }).next()).rejects.toMatchObject({ code: 'aborted' });
});

test('fromFloat8 knows the edges of both types', () => {
  const at = (type: 'float8e4m3fn' | 'float8e5m2', ...bits: number[]) => [
    ...fromFloat8(Uint8Array.from(bits), type),
  ];
  expect(at('float8e4m3fn', 0x7e, 0xfe, 0x08, 0x01, 0x80)).toEqual([448, -448, 2 ** -6, 2 ** -9, -0]);
  expect(at('float8e4m3fn', 0x7f, 0xff)).toEqual([Number.NaN, Number.NaN]);
  expect(at('float8e5m2', 0x7b, 0x04, 0x01, 0x7c, 0xfc)).toEqual([
    57344,
    2 ** -14,
    2 ** -16,
    Infinity,
    -Infinity,
  ]);
  expect(at('float8e5m2', 0x7d, 0xff)).toEqual([Number.NaN, Number.NaN]);
});
