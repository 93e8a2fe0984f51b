import { CallTableBuilder, cloneModel, type OnnxModel, replaceUses, topologicalSort } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';

/** x̂ = a0 ⊙ x_s + a1 ⊙ x_p + b per (call, channel); all [calls, channels] row-major. */
export interface CacheCoefficients {
  readonly calls: number;
  readonly channels: number;
  readonly a0: Float32Array;
  readonly a1: Float32Array;
  readonly b: Float32Array;
}

export interface FoldOptions {
  /** The graph input that takes the cached tensor of the newest refresh. */
  readonly cacheInput: string;
  /** Name of the further input for the refresh before it; added when any a1 is not zero. */
  readonly previousInput: string;
  /** The axis of the cached tensor that holds channels: 1 in [B, C, H, W], 2 in [B, L, C]. */
  readonly channelAxis: number;
}

/**
 * Writes the cache correction into the cached graph, as tables read at `call_index`.
 *
 * Coefficients that are all neutral (a0 = 1, a1 = 0, b = 0) add nothing to the graph; a correction without
 * a second anchor adds one Mul and one Add on the cached tensor, as the paper's does.
 */
export function foldCacheCorrection(
  cached: OnnxModel,
  coefficients: CacheCoefficients,
  options: FoldOptions,
): OnnxModel {
  const model = cloneModel(cached);
  const { graph } = model;
  const input = graph.inputs.find((candidate) => candidate.name === options.cacheInput);
  if (!input?.dims) {
    throw new CacheQuantError('invalid-argument', 'the graph has no such cached input', {
      where: options.cacheInput,
      got: graph.inputs.map((candidate) => candidate.name).join(', '),
    });
  }
  const scales = !coefficients.a0.every((a) => a === 1);
  const forecasts = coefficients.a1.some((a) => a !== 0);
  const shifts = coefficients.b.some((b) => b !== 0);
  if (!scales && !forecasts && !shifts) return model;

  const builder = new CallTableBuilder(model);
  const corrected = builder.name(`${options.cacheInput}/corrected`);
  replaceUses(graph, options.cacheInput, corrected);
  const shape = input.dims.map((_, axis) =>
    axis === options.channelAxis ? BigInt(coefficients.channels) : 1n,
  );
  const rows = coefficientRows(builder, coefficients, { scales, forecasts, shifts }, shape);
  const terms: string[] = [
    rows.a0
      ? builder.node('Mul', [options.cacheInput, rows.a0], builder.name('cache_correction/newest'))
      : options.cacheInput,
  ];
  if (rows.a1) {
    graph.inputs.push({ ...input, name: options.previousInput });
    terms.push(
      builder.node('Mul', [options.previousInput, rows.a1], builder.name('cache_correction/previous')),
    );
  }
  if (rows.b) terms.push(rows.b);
  sum(builder, terms, corrected);
  topologicalSort(graph);
  return model;
}

function coefficientRows(
  builder: CallTableBuilder,
  { calls, channels, a0, a1, b }: CacheCoefficients,
  needed: { scales: boolean; forecasts: boolean; shifts: boolean },
  shape: readonly bigint[],
): { a0?: string; a1?: string; b?: string } {
  const wanted = [
    ...(needed.scales ? [['a0', a0] as const] : []),
    ...(needed.forecasts ? [['a1', a1] as const] : []),
    ...(needed.shifts ? [['b', b] as const] : []),
  ];
  const width = wanted.length * channels;
  const table = new Float32Array(calls * width);
  for (let call = 0; call < calls; call++) {
    for (const [i, [, values]] of wanted.entries()) {
      table.set(values.subarray(call * channels, (call + 1) * channels), call * width + i * channels);
    }
  }
  const row = builder.row('cache_correction', 'float32', calls, table);
  const pieces = builder.split(
    row,
    'cache_correction',
    wanted.map(() => channels),
  );
  const target = builder.constant(
    'cache_correction/shape',
    'int64',
    [shape.length],
    BigInt64Array.from(shape),
  );
  return Object.fromEntries(
    wanted.map(([name], i) => [
      name,
      builder.node('Reshape', [pieces[i]!, target], builder.name(`cache_correction/${name}`)),
    ]),
  );
}

function sum(builder: CallTableBuilder, terms: readonly string[], output: string): void {
  let total = terms[0]!;
  for (const [i, term] of terms.slice(1).entries()) {
    const last = i === terms.length - 2;
    total = builder.node('Add', [total, term], last ? output : builder.name('cache_correction/sum'));
  }
  if (terms.length === 1) builder.node('Identity', [total], output);
}
