import type { OnnxModel } from '@cachequant/onnx';

/** Bytes of a model's weights as they are stored. */
export function weightBytes({ graph }: OnnxModel): number {
  const sizes = [...graph.initializers.values()].map(({ data }) =>
    data.kind === 'bytes' ? data.bytes.byteLength : data.length,
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}
