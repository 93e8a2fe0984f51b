import { CacheQuantError, type DType, type DTypeArrays, tensor } from '@cachequant/tensor';
import type { OnnxModel } from '../model.js';
import { makeNode } from '../node.js';
import { weightOf } from '../read/read-weight.js';
import { freshName } from './fresh-name.js';

/** The input of a graph that says which network call it serves: an int64 scalar. */
export const CALL_INDEX_INPUT = 'call_index';

/** Prefix of every initializer that holds numbers per call, so that they can be kept in a file of their own. */
export const TABLE_PREFIX = 'cachequant/table/';

/** Adds nodes and constants to a graph (unsorted), and reads tables at the row of the current call. */
export class CallTableBuilder {
  constructor(readonly model: OnnxModel) {}

  /** Declares `call_index`, an int64 scalar, unless the graph has it already. */
  requireCallIndex(): void {
    const { inputs } = this.model.graph;
    if (inputs.some((input) => input.name === CALL_INDEX_INPUT)) return;
    inputs.push({ name: CALL_INDEX_INPUT, dtype: 'int64', elementType: 7, dims: [] });
  }

  /** Adds a constant and returns its name. */
  constant<D extends DType>(base: string, dtype: D, dims: readonly number[], data: DTypeArrays[D]): string {
    const name = freshName(this.model.graph, base);
    this.model.graph.initializers.set(name, weightOf(tensor(dtype, dims, data), name));
    return name;
  }

  /** Adds a node with one output and returns the output's name. */
  node(
    opType: string,
    inputs: string[],
    output: string,
    attributes: Parameters<typeof makeNode>[3] = {},
    identity: Parameters<typeof makeNode>[4] = {},
  ): string {
    this.model.graph.nodes.push(makeNode(opType, inputs, [output], attributes, identity));
    return output;
  }

  /** A name that is not taken in the graph. */
  name(base: string): string {
    return freshName(this.model.graph, base);
  }

  /**
   * A row of a table [calls, width] at the current call: [width].
   * @throws CacheQuantError `shape` when the table does not divide into calls
   */
  row<D extends DType>(base: string, dtype: D, calls: number, data: DTypeArrays[D]): string {
    if (data.length === 0 || data.length % calls !== 0) {
      throw new CacheQuantError('shape', 'a table does not divide into calls', {
        where: base,
        expected: `a multiple of ${calls} numbers`,
        got: String(data.length),
      });
    }
    this.requireCallIndex();
    const table = this.constant(`${TABLE_PREFIX}${base}`, dtype, [calls, data.length / calls], data);
    return this.node('Gather', [table, CALL_INDEX_INPUT], this.name(`${base}/row`), { axis: 0 });
  }

  /**
   * Cuts a vector into pieces of the given lengths.
   * @throws CacheQuantError `unsupported` below opset 13, where Split had no such input
   */
  split(vector: string, base: string, lengths: readonly number[]): string[] {
    const outputs = lengths.map((_, i) => this.name(`${base}/${i}`));
    if (lengths.length === 1) {
      this.node('Identity', [vector], outputs[0]!);
      return outputs;
    }
    this.#requireSplitSizes();
    const sizes = this.constant(
      `${base}/sizes`,
      'int64',
      [lengths.length],
      BigInt64Array.from(lengths, BigInt),
    );
    this.model.graph.nodes.push(makeNode('Split', [vector, sizes], outputs, { axis: 0 }));
    return outputs;
  }

  #requireSplitSizes(): void {
    const opset = this.model.opsetImports.get('') ?? 0;
    if (opset >= 13) return;
    throw new CacheQuantError('unsupported', 'the model is written in too old a version of ONNX', {
      where: `graph '${this.model.graph.name}'`,
      expected: 'opset 13 or newer',
      got: `opset ${opset}`,
      hint: 'Export it again, or convert it with onnx.version_converter.',
    });
  }
}
