import type { Tensor } from '../builder/graph-assembly.js';
import type { RowRange } from '../builder/parameters.js';
import type { Scope } from '../builder/scope.js';

export interface LinearOptions {
  readonly in: number;
  readonly out: number;
  readonly bias?: boolean;
  /** Computes only these outputs. */
  readonly rows?: RowRange;
}

/**
 * A linear layer on rows [N, in] → [N, out]. Checkpoints keep its weight as [out, in]; Gemm takes it so, and a runtime
 * packs it straight from the file, where a MatMul would first need a transposed copy.
 */
export function linear(g: Scope, x: Tensor, options: LinearOptions): Tensor {
  const { bias = true, rows } = options;
  const inputs = [x, g.parameter('weight', [options.out, options.in], { rows })];
  if (bias) inputs.push(g.parameter('bias', [options.out], { rows }));
  return g.node('Gemm', inputs, { transB: 1 });
}

/** A linear layer on tokens [B, L, in] → [B, L, out]. */
export function linearOnTokens(g: Scope, tokens: Tensor, options: LinearOptions): Tensor {
  const rows = g.assembly.once(`rows of ${tokens}`, () => g.reshape(tokens, -1, options.in));
  return asTokens(g, linear(g, rows, options), tokens, options.rows?.count ?? options.out);
}

/** Rows [B·L, C] as tokens [B, L, C], in number as `like` [B, L, …]. */
function asTokens(g: Scope, rows: Tensor, like: Tensor, channels: number): Tensor {
  const dims = g.assembly.once(`token dims of ${like}, ${channels}`, () =>
    g.concat(0, g.shape(like, 0, 2), g.ints(channels)),
  );
  return g.node('Reshape', [rows, dims]);
}
