import { type GraphIndex, getInt, type Weight } from '@cachequant/onnx';
import { TorchGenerator } from '@cachequant/tensor';

const TABLE_SIZE = 1 << 20;

/**
 * Weights for a graph that has none: normal numbers with a standard deviation of 1/sqrt(fan-in), by which
 * activations neither grow nor vanish through the depth. Time and memory do not depend on the values.
 *
 * One table of normal numbers serves all tensors, each from an offset of its own, since a billion fresh ones would
 * take longer than everything that is measured.
 */
export class SeededWeights {
  readonly #table: Float32Array;

  constructor(seed: number) {
    this.#table = new TorchGenerator(seed).randn(TABLE_SIZE);
  }

  /** @param position of the tensor in the graph, which decides where in the table it starts */
  fill(weight: Weight, fanIn: number, position: number): Float32Array {
    const size = weight.dims.reduce((product, dim) => product * dim, 1);
    const values = new Float32Array(size);
    const deviation = 1 / Math.sqrt(fanIn);
    let at = (position * 104_729) % TABLE_SIZE;
    for (let i = 0; i < size; i++) {
      values[i] = this.#table[at]! * deviation;
      at = at + 1 === TABLE_SIZE ? 0 : at + 1;
    }
    return values;
  }
}

/** Inputs per output: of convolutions [O, I, kh, kw], of products [I, O], of a Gemm with transB [O, I]. */
export function fanInOf(index: GraphIndex, { name, dims }: Weight): number {
  const [consumer] = index.consumers(name);
  const outputsFirst = consumer?.opType === 'Conv' || (consumer && getInt(consumer, 'transB', 0) === 1);
  return outputsFirst ? dims.slice(1).reduce((product, dim) => product * dim, 1) : dims[0]!;
}
