import { type Runtime, type Tensor, tensor } from '../index.js';

/**
 * MatMulIntegerToFloat [16, 64]·[64, 64] and a 3×3 QLinearConv of 16 channels, u8 with s8, all weights 127.
 * The recipe is in the test beside this file.
 */
export const PROBE_MODEL =
  'CAg6xQQKRgoGbWF0cml4EgFiGhFDb25zdGFudE9mU2hhcGVfMCIPQ29uc3RhbnRPZlNoYXBlKhUKBXZhbHVlKgkIARADQgBKAX+gAQQKRgoGa2VybmVsEgF3GhFDb25zdGFudE9mU2hhcGVfMSIPQ29uc3RhbnRPZlNoYXBlKhUKBXZhbHVlKgkIARADQgBKAX+gAQQKVgoBYQoBYgoDb25lCgNvbmUSB3Byb2R1Y3QaFk1hdE11bEludGVnZXJUb0Zsb2F0XzIiFE1hdE11bEludGVnZXJUb0Zsb2F0Og1jb20ubWljcm9zb2Z0ClQKAXgKA29uZQoEemVybwoBdwoDb25lCgp3ZWlnaHRaZXJvCghvdXRTY2FsZQoEemVybxIEY29udhoNUUxpbmVhckNvbnZfMyILUUxpbmVhckNvbnYSBWdyYXBoKh4IAhAHQgZtYXRyaXhKEEAAAAAAAAAAQAAAAAAAAAAqLggEEAdCBmtlcm5lbEogEAAAAAAAAAAQAAAAAAAAAAMAAAAAAAAAAwAAAAAAAAAqDRABQgNvbmVKBAAAgD8qEhABQghvdXRTY2FsZUoEZiq2RioLEAJCBHplcm9KAQAqERADQgp3ZWlnaHRaZXJvSgEAWhMKAWESDgoMCAISCAoCCBAKAghAWhsKAXgSFgoUCAISEAoCCAEKAggQCgIICAoCCAhiGQoHcHJvZHVjdBIOCgwIARIICgIIEAoCCEBiHgoEY29udhIWChQIAhIQCgIIAQoCCBAKAggGCgIIBkICEBFCEQoNY29tLm1pY3Jvc29mdBAB';

/** 255 · 127 · 64; a processor that adds pairs of products in 16 bits gets 32767 · 32. */
const RIGHT_PRODUCT = 2_072_640;
const RIGHT_CONV = 200;

/**
 * Finds out whether u8·s8 products are summed without saturation, by running the largest ones through both
 * kernels. Sums of two products saturate at 32767 on x64 processors with AVX2 or AVX-512 but no VNNI.
 *
 * Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When and why do I
 * need to try U8U8?"
 */
export async function probeInt8FullRange(runtime: Pick<Runtime, 'load'>): Promise<boolean> {
  const bytes = Uint8Array.from(atob(PROBE_MODEL), (character) => character.charCodeAt(0));
  const session = await runtime.load({ bytes });
  try {
    const a = tensor('uint8', [16, 64], new Uint8Array(16 * 64).fill(255));
    const x = tensor('uint8', [1, 16, 8, 8], new Uint8Array(16 * 64).fill(255));
    const { product, conv } = await session.run({ a, x });
    return holds(product as Tensor<'float32'>, RIGHT_PRODUCT) && holds(conv as Tensor<'uint8'>, RIGHT_CONV);
  } finally {
    await session.dispose();
  }
}

function holds({ data }: Tensor<'float32' | 'uint8'>, value: number): boolean {
  return data.every((element) => element === value);
}
