import { CacheQuantError } from '@cachequant/tensor';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../model.js';
import { weightOf } from '../read/read-weight.js';
import { freshName } from './fresh-name.js';
import { setOpset } from './opset.js';

/** The first version with int4 tensors, and the first IR version whose readers know them. */
const TARGET = 21;
const TARGET_IR = 10;
/** Older versions of the operators below differ in more than the element types they allow. */
const OLDEST = 13;

/** Operators of ai.onnx that mean the same in versions 13 to 21, new attributes and element types aside. */
const UNCHANGED = new Set(
  `Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
  ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor
  Gather GatherElements GatherND Gelu Gemm GlobalAveragePool Greater GreaterOrEqual HardSigmoid HardSwish Identity
  InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max MaxPool
  Min Mish Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceSum Relu
  Reshape Resize Round ScatterElements ScatterND Shape Sigmoid Sign Sin Size Slice Softmax Softplus SpaceToDepth Sqrt
  Squeeze Sub Sum Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor`.split(/\s+/),
);

/** Their axes became an input in version 18. */
const REDUCTIONS = new Set(
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare'.split(
    ' ',
  ),
);
const CHANGED_AT = 18;

/**
 * Makes a model import version 21 of ai.onnx, the first with int4 tensors, and rewrites what has another form there.
 * Changes the model; one that imports it already stays as it is.
 * @throws CacheQuantError `unsupported` below version 13, and for an operator that is not known to mean the same
 */
export function liftOpset(model: OnnxModel): void {
  const from = model.opsetImports.get('') ?? 0;
  if (from < TARGET) {
    if (from < OLDEST) throw cannotLift(`opset ${from}`, `opset ${OLDEST} or newer`);
    for (const node of model.graph.nodes) if (node.domain === '') liftNode(model.graph, node, from);
    setOpset(model, '', TARGET);
  }
  model.irVersion = Math.max(TARGET_IR, model.irVersion);
}

function liftNode(graph: OnnxGraph, node: OnnxNode, from: number): void {
  if (UNCHANGED.has(node.opType)) return;
  if (node.opType === 'Split') {
    const equalParts = !node.inputs[1] && from < CHANGED_AT;
    if (equalParts) node.attributes.set('num_outputs', { type: 'int', value: BigInt(node.outputs.length) });
  } else if (REDUCTIONS.has(node.opType)) {
    if (from < CHANGED_AT) moveAxes(graph, node);
  } else {
    throw cannotLift(
      `${node.opType} (${node.name || node.outputs[0]})`,
      'operators that mean the same there',
    );
  }
}

function moveAxes(graph: OnnxGraph, node: OnnxNode): void {
  const axes = node.attributes.get('axes');
  if (axes?.type !== 'ints') return;
  node.attributes.delete('axes');
  const name = freshName(graph, `${node.outputs[0]}/axes`);
  const data = BigInt64Array.from(axes.value);
  graph.initializers.set(name, weightOf({ dtype: 'int64', dims: [data.length], data }, name));
  node.inputs[1] = name;
}

function cannotLift(got: string, expected: string): CacheQuantError {
  return new CacheQuantError('unsupported', `the model cannot be lifted to opset ${TARGET}`, {
    where: 'liftOpset',
    expected,
    got,
    hint: `Export the model with opset ${TARGET}, or keep its weights in 8 bits.`,
  });
}
