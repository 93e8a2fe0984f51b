import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';

type States = Tensor<'float32'>;

/**
 * Tensors of one rank behind one another on an axis.
 * @throws CacheQuantError `shape` where their other sizes differ
 */
export function concatStates(parts: readonly States[], axis: number): States {
  const [first] = parts as [States];
  for (const { dims } of parts) {
    if (dims.length === first.dims.length && dims.every((dim, i) => i === axis || dim === first.dims[i]))
      continue;
    throw new CacheQuantError('shape', 'conditioning of these shapes cannot be joined', {
      where: `axis ${axis}`,
      got: parts.map((part) => `[${part.dims}]`).join(' and '),
    });
  }
  const size = parts.reduce((sum, { dims }) => sum + dims[axis]!, 0);
  const joined = tensor(
    'float32',
    first.dims.map((dim, i) => (i === axis ? size : dim)),
  );
  const rows = first.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const { data } of parts) {
      const length = data.length / rows;
      joined.data.set(data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  }
  return joined;
}

/** [1, S, D] with zeros behind each state: [1, S, width]. */
export function widened(states: States, width: number): States {
  const own = states.dims.at(-1)!;
  if (own === width) return states;
  const zeros = tensor('float32', [...states.dims.slice(0, -1), width - own]);
  return concatStates([states, zeros], states.dims.length - 1);
}
