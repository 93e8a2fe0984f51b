import { type Tensor, tensor } from '@cachequant/tensor';

type States = Tensor<'float32'>;

/** [1, S, D] and [1, S, E] as [1, S, D + E]. */
export function sideBySide(first: States, second: States): States {
  const [, length = 0, left = 0] = first.dims;
  const right = second.dims.at(-1)!;
  const joined = tensor('float32', [1, length, left + right]);
  for (let at = 0; at < length; at++) {
    joined.data.set(first.data.subarray(at * left, (at + 1) * left), at * (left + right));
    joined.data.set(second.data.subarray(at * right, (at + 1) * right), at * (left + right) + left);
  }
  return joined;
}

/** [1, S, D] and [1, T, D] as [1, S + T, D]. */
export function oneAfterOther(first: States, second: States): States {
  const joined = tensor('float32', [1, first.dims[1]! + second.dims[1]!, first.dims[2]!]);
  joined.data.set(first.data);
  joined.data.set(second.data, first.data.length);
  return joined;
}

/** [1, D] and [1, E] as [1, D + E]. */
export function joinedVectors(first: States, second: States): States {
  const joined = tensor('float32', [1, first.data.length + second.data.length]);
  joined.data.set(first.data);
  joined.data.set(second.data, first.data.length);
  return joined;
}

/** [1, S, D] with zeros behind each state: [1, S, width]. */
export function widened(states: States, width: number): States {
  const [, length = 0, own = 0] = states.dims;
  return own === width ? states : sideBySide(states, tensor('float32', [1, length, width - own]));
}
