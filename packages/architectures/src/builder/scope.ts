import type { Dim } from '@cachequant/onnx';
import type { DType } from '@cachequant/tensor';
import type { Attributes, GraphAssembly, Tensor } from './graph-assembly.js';
import type { RowRange } from './parameters.js';

/** A module of the model: its parameters and nodes are named after where it is, `down_blocks.0.resnets.1`. */
export class Scope {
  readonly assembly: GraphAssembly;
  readonly path: string;

  constructor(assembly: GraphAssembly, path = '') {
    this.assembly = assembly;
    this.path = path;
  }

  /** A module inside this one. */
  at(...parts: readonly (string | number)[]): Scope {
    return new Scope(this.assembly, [this.path, ...parts].filter((part) => part !== '').join('.'));
  }

  input(name: string, dtype: DType, dims: readonly Dim[]): Tensor {
    return this.assembly.input(name, dtype, dims);
  }

  output(name: string, value: Tensor, dims: readonly Dim[], dtype?: DType): void {
    this.assembly.output(name, value, dims, dtype);
  }

  /** A node with one output. */
  node(opType: string, inputs: readonly Tensor[], attributes: Attributes = {}, domain = ''): Tensor {
    return this.assembly.nodes(this.path, opType, inputs, attributes, 1, domain)[0]!;
  }

  /** A node with several outputs. */
  nodes(opType: string, inputs: readonly Tensor[], outputs: number, attributes: Attributes = {}): Tensor[] {
    return this.assembly.nodes(this.path, opType, inputs, attributes, outputs, '');
  }

  /** A parameter of this module. @param seenAs the shape in which the graph sees it */
  parameter(
    name: string,
    dims: readonly number[],
    { rows, seenAs }: { rows?: RowRange | undefined; seenAs?: readonly number[] | undefined } = {},
  ): Tensor {
    const request = { dims, ...(rows && { rows }), ...(seenAs && { seenAs }) };
    return this.assembly.parameter(this.#nameOf(name), request);
  }

  /** Rows of a table that is a parameter: ids [...] give [..., columns]. 16-bit tables stay as they are. */
  lookUp(name: string, dims: readonly [number, number], ids: Tensor): Tensor {
    const table = this.assembly.storedParameter(this.#nameOf(name), { dims });
    const rows = this.node('Gather', [table, ids], { axis: 0 });
    return this.assembly.isFloat32(table) ? rows : this.assembly.toFloat32(rows);
  }

  #nameOf(parameter: string): string {
    return this.path === '' ? parameter : `${this.path}.${parameter}`;
  }

  ints(...values: readonly number[]): Tensor {
    return this.assembly.constant('int64', [values.length], values);
  }

  scalar(value: number): Tensor {
    return this.assembly.constant('float32', [], [value]);
  }

  floats(dims: readonly number[], values: readonly number[]): Tensor {
    return this.assembly.constant('float32', dims, values);
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.node('Add', [a, b]);
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    return this.node('Mul', [a, b]);
  }

  concat(axis: number, ...tensors: readonly Tensor[]): Tensor {
    return this.node('Concat', tensors, { axis });
  }

  transpose(x: Tensor, ...perm: readonly number[]): Tensor {
    return this.node('Transpose', [x], { perm });
  }

  /** 0 keeps a dimension, −1 is what is left. */
  reshape(x: Tensor, ...dims: readonly number[]): Tensor {
    return this.node('Reshape', [x, this.ints(...dims)]);
  }

  /** Sizes of a tensor, [end − start] integers. */
  shape(x: Tensor, start = 0, end?: number): Tensor {
    const key = `shape ${x} ${start} ${end}`;
    return this.assembly.once(key, () => this.node('Shape', [x], { start, end }));
  }

  slice(x: Tensor, axis: number, start: number, end: number): Tensor {
    return this.node('Slice', [x, this.ints(start), this.ints(end), this.ints(axis)]);
  }

  unsqueeze(x: Tensor, ...axes: readonly number[]): Tensor {
    return this.node('Unsqueeze', [x, this.ints(...axes)]);
  }
}
