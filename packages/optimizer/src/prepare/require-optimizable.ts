import { describeUnknownOperators, type OnnxModel } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';

/** Below it Split, Squeeze and others have forms that the integer graphs do not write. */
const OLDEST_OPSET = 13;

/**
 * Refuses a denoiser that some stage would refuse later, hours perhaps.
 * @throws CacheQuantError `unsupported`
 */
export function requireOptimizable(model: OnnxModel, where: string): void {
  const opset = model.opsetImports.get('') ?? 1;
  if (opset < OLDEST_OPSET) {
    throw new CacheQuantError('unsupported', 'the model is written in too old a version of ONNX', {
      where,
      expected: `opset ${OLDEST_OPSET} or newer`,
      got: `opset ${opset}`,
      hint: 'Export it again, or convert it with onnx.version_converter.',
    });
  }
  const narrow = [...model.graph.initializers.values(), ...model.graph.inputs].find(
    ({ dtype }) => dtype === 'float16' || dtype === 'bfloat16',
  );
  if (narrow !== undefined) {
    throw new CacheQuantError('unsupported', 'only float32 denoisers can be optimized', {
      where,
      got: `${narrow.dtype} (${narrow.name})`,
      hint: 'Export the model in float32; the integer graphs are made from it.',
    });
  }
  const unknown = describeUnknownOperators(model);
  if (unknown !== undefined) {
    throw new CacheQuantError('unsupported', 'the denoiser cannot be looked through', { where, ...unknown });
  }
}
