import { type DType, type Tensor, tensor } from '@cachequant/tensor';
import { elementTypeOf } from '../element-types.js';
import type { Dim, OnnxModel, OnnxNode } from '../model.js';
import { weightOf } from '../read/read-weight.js';

export interface ModelParts {
  readonly inputs?: Readonly<Record<string, readonly [DType, Dim[]]>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly outputs?: readonly string[];
  readonly opset?: number;
}

/** A model of a few nodes; outputs are declared as float32 of any shape. */
export function buildModel(
  nodes: OnnxNode[],
  { inputs = {}, constants = {}, outputs = [], opset = 18 }: ModelParts,
): OnnxModel {
  return {
    irVersion: 9,
    opsetImports: new Map([
      ['', opset],
      ['com.microsoft', 1],
    ]),
    producerName: 'test',
    metadata: new Map(),
    functions: [],
    graph: {
      name: 'test',
      nodes,
      inputs: Object.entries(inputs).map(([name, [dtype, dims]]) => ({
        name,
        dtype,
        elementType: elementTypeOf(dtype),
        dims,
      })),
      outputs: outputs.map((name) => ({ name, dtype: 'float32', elementType: 1, dims: undefined })),
      valueInfo: new Map(),
      initializers: new Map(Object.entries(constants).map(([name, value]) => [name, weightOf(value, name)])),
    },
  };
}

export function int64s(...values: number[]): Tensor {
  return tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
}

export function float32s(...values: number[]): Tensor {
  return tensor('float32', [values.length], Float32Array.from(values));
}
