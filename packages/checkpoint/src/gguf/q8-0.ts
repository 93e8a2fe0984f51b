import { fromFloat16 } from '@cachequant/tensor';

/** Elements of a block, which share a scale. */
export const Q8_0_ELEMENTS = 32;
/** A float16 scale and one signed byte an element. */
export const Q8_0_BYTES = 34;

/** The float32 numbers of whole blocks: scale times byte. Source: `block_q8_0` in ggml. */
export function fromQ8_0(blocks: Uint8Array): Float32Array {
  const count = blocks.length / Q8_0_BYTES;
  const values = new Float32Array(count * Q8_0_ELEMENTS);
  for (let block = 0; block < count; block++) {
    const offset = block * Q8_0_BYTES;
    const scale = fromFloat16(Uint16Array.of(blocks[offset]! | (blocks[offset + 1]! << 8)))[0]!;
    for (let i = 0; i < Q8_0_ELEMENTS; i++) {
      values[block * Q8_0_ELEMENTS + i] = scale * ((blocks[offset + 2 + i]! << 24) >> 24);
    }
  }
  return values;
}
