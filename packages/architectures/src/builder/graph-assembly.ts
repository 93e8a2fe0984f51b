import {
  type AttributeInput,
  type Dim,
  dtypeOf,
  elementTypeOf,
  makeNode,
  type OnnxGraph,
  type OnnxModel,
  setOpset,
  type ValueInfo,
  weightOf,
} from '@cachequant/onnx';
import { CacheQuantError, type DType, tensor } from '@cachequant/tensor';
import type { ParameterRequest, Parameters } from './parameters.js';

/** Attributes of a node; plain numbers are integers, as for `makeNode`. */
export type Attributes = Readonly<Record<string, AttributeInput | undefined>>;

/** The name of a tensor in the graph. */
export type Tensor = string;

const OPSET = 18;
const IR_VERSION = 8;

/** A graph that is being put together, in the opset and with the names of nodes that optimum writes. */
export class GraphAssembly {
  readonly parameters: Parameters;
  readonly #graph: OnnxGraph;
  readonly #taken = new Map<string, number>();
  readonly #derived = new Map<string, Tensor>();
  /** What a tensor is called outside. */
  readonly #outputs = new Map<Tensor, string>();

  constructor(name: string, parameters: Parameters) {
    this.parameters = parameters;
    this.#graph = {
      name,
      nodes: [],
      inputs: [],
      outputs: [],
      valueInfo: new Map(),
      initializers: new Map(),
    };
  }

  input(name: string, dtype: DType, dims: readonly Dim[]): Tensor {
    this.#graph.inputs.push(valueInfo(name, dtype, dims));
    return name;
  }

  /** Gives a tensor the name of an output. */
  output(name: string, value: Tensor, dims: readonly Dim[], dtype: DType = 'float32'): void {
    this.#outputs.set(value, name);
    this.#graph.outputs.push(valueInfo(name, dtype, dims));
  }

  /** @param path where the node is in the model, as in the names of its parameters */
  nodes(
    path: string,
    opType: string,
    inputs: readonly Tensor[],
    attributes: Attributes,
    outputs: number,
    domain: string,
  ): Tensor[] {
    const base = `${path === '' ? '' : `/${path.replaceAll(/\.(?!\d+(\.|$))/g, '/')}`}/${opType}`;
    const count = this.#taken.get(base) ?? 0;
    this.#taken.set(base, count + 1);
    const name = count === 0 ? base : `${base}_${count}`;
    const names = Array.from({ length: outputs }, (_, at) => `${name}_output_${at}`);
    this.#graph.nodes.push(makeNode(opType, inputs, names, attributes, { name, domain }));
    return names;
  }

  /** A parameter as float32, whatever its type in the checkpoint. */
  parameter(name: string, request: ParameterRequest): Tensor {
    const stored = this.storedParameter(name, request);
    if (this.#graph.initializers.get(stored)!.dtype === 'float32') return stored;
    return this.once(`${stored}/float32`, () => this.toFloat32(stored));
  }

  /** A parameter in the type that it is stored in. */
  storedParameter(name: string, request: ParameterRequest): Tensor {
    const { rows, seenAs } = request;
    const part = rows ? `[${rows.start}:${rows.start + rows.count}]` : '';
    const initializer = `${name}${part}${seenAs ? `(${seenAs.join('×')})` : ''}`;
    if (!this.#graph.initializers.has(initializer)) {
      this.#graph.initializers.set(initializer, this.parameters.weight(name, initializer, request));
    }
    return initializer;
  }

  isFloat32(initializer: Tensor): boolean {
    return this.#graph.initializers.get(initializer)?.dtype === 'float32';
  }

  toFloat32(value: Tensor): Tensor {
    const output = `${value}/float32`;
    this.#graph.nodes.push(makeNode('Cast', [value], [output], { to: 1 }, { name: `/${value}/Cast` }));
    return output;
  }

  /** A constant, shared by all who ask for the same one. */
  constant(dtype: 'float32' | 'int64', dims: readonly number[], values: readonly number[]): Tensor {
    const shape = dims.length === 0 ? '' : `[${dims.join('×')}]`;
    const short = values.length <= 8 ? values.join('_') : `table_${this.#derived.size}`;
    const key = `constant ${dtype} ${dims}: ${values.join()}`;
    return this.once(key, () => {
      const name = `constant/${dtype}${shape}/${short}`;
      const data = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
      const weight = weightOf(tensor(dtype, [...dims], data as never), name);
      this.#graph.initializers.set(name, weight);
      return name;
    });
  }

  /** What `make` gave when it was first asked for under this key. */
  once(key: string, make: () => Tensor): Tensor {
    const known = this.#derived.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#derived.set(key, made);
    return made;
  }

  /** The model; nothing can be added to it afterwards. */
  finish(): OnnxModel {
    const named = (tensor: Tensor) => this.#outputs.get(tensor) ?? tensor;
    for (const node of this.#graph.nodes) {
      node.inputs = node.inputs.map(named);
      node.outputs = node.outputs.map(named);
    }
    const names = this.#graph.nodes.flatMap(({ outputs }) => outputs);
    if (new Set(names).size !== names.length) {
      throw new CacheQuantError('internal', 'two nodes make one tensor', { where: this.#graph.name });
    }
    const model: OnnxModel = {
      irVersion: IR_VERSION,
      opsetImports: new Map([['', OPSET]]),
      producerName: 'cachequant',
      metadata: new Map(),
      graph: this.#graph,
      functions: [],
    };
    if (this.#graph.nodes.some(({ domain }) => domain === 'com.microsoft')) {
      setOpset(model, 'com.microsoft', 1);
    }
    return model;
  }
}

function valueInfo(name: string, dtype: DType, dims: readonly Dim[]): ValueInfo {
  const elementType = elementTypeOf(dtype);
  return { name, dtype: dtypeOf(elementType), elementType, dims: [...dims] };
}
