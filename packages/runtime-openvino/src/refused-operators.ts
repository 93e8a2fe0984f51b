import { CacheQuantError } from '@cachequant/tensor';

/** ONNX Runtime's own attention, which OpenVINO reads and computes as ONNX Runtime does. */
const KNOWN_OF_MICROSOFT: ReadonlySet<string> = new Set(['com.microsoft.MultiHeadAttention']);
/** Operators on integers with scales that change with the call, which OpenVINO does not convert. */
const ON_INTEGERS: ReadonlySet<string> = new Set([
  'QLinearConv',
  'QLinearMatMul',
  'ConvInteger',
  'MatMulInteger',
]);

/**
 * Refuses a model whose operators OpenVINO does not read, or not reliably, before it is loaded.
 * @throws CacheQuantError `unsupported` naming the operators, and what to make instead
 */
export function refuseOperators(operators: ReadonlySet<string>, where: string): void {
  const refused = [...operators].filter(
    (name) => ON_INTEGERS.has(name) || (name.includes('.') && !KNOWN_OF_MICROSOFT.has(name)),
  );
  if (refused.length === 0) return;
  throw new CacheQuantError('unsupported', 'OpenVINO does not compute operators of the model', {
    where,
    expected: 'operators of ONNX alone, with integers as QuantizeLinear and DequantizeLinear',
    got: refused.sort().join(', '),
    hint: 'Optimize the model with `--target qdq`, or in float with `--bits none`',
  });
}
