import {
  CallTableBuilder,
  cloneModel,
  type OnnxGraph,
  type OnnxModel,
  replaceUses,
  topologicalSort,
  type ValueInfo,
} from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';

/** x̂ = a0 ⊙ x_s + a1 ⊙ x_p + b per (call, channel); all [calls, channels] row-major. */
export interface CacheCoefficients {
  readonly calls: number;
  readonly channels: number;
  readonly a0: Float32Array;
  readonly a1: Float32Array;
  readonly b: Float32Array;
}

/** Names of the cached graph's inputs, and the axis of the channels. */
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
 * a second anchor adds one Mul and one Add on the cached tensor, as the paper's does. The graph needs opset 13.
 *
 * Source: CacheQuant, CVPR 2025, https://arxiv.org/abs/2503.01323, decoupled error correction (a1 = 0 is the
 * paper's form).
 * @throws CacheQuantError `invalid-argument` when an input is missing or in the way, `shape` when coefficients
 * or the channel axis do not fit, `calibration` for a coefficient that is not finite
 */
export function foldCacheCorrection(
  cached: OnnxModel,
  coefficients: CacheCoefficients,
  options: FoldOptions,
): OnnxModel {
  const model = cloneModel(cached);
  const { graph } = model;
  const input = cachedInput(model, coefficients, options);
  const scales = !coefficients.a0.every((a) => a === 1);
  const forecasts = coefficients.a1.some((a) => a !== 0);
  const shifts = coefficients.b.some((b) => b !== 0);
  if (!scales && !forecasts && !shifts) return model;

  const builder = new CallTableBuilder(model);
  const corrected = builder.name(`${options.cacheInput}/corrected`);
  replaceUses(graph, options.cacheInput, corrected);
  const shape = input.dims!.map((_, axis) =>
    axis === options.channelAxis ? BigInt(coefficients.channels) : 1n,
  );
  const rows = coefficientRows(builder, coefficients, { scales, forecasts, shifts }, shape);
  const terms: string[] = [
    rows.a0
      ? builder.node('Mul', [options.cacheInput, rows.a0], builder.name('cache_correction/newest'))
      : options.cacheInput,
  ];
  if (rows.a1) {
    addInput(graph, { ...input, name: options.previousInput });
    terms.push(
      builder.node('Mul', [options.previousInput, rows.a1], builder.name('cache_correction/previous')),
    );
  }
  if (rows.b) terms.push(rows.b);
  sum(builder, terms, corrected);
  topologicalSort(graph);
  return model;
}

function cachedInput({ graph }: OnnxModel, coefficients: CacheCoefficients, options: FoldOptions): ValueInfo {
  const where = options.cacheInput;
  const input = graph.inputs.find((candidate) => candidate.name === where);
  if (!input?.dims) {
    throw new CacheQuantError('invalid-argument', 'the graph has no such cached input', {
      where,
      expected: 'an input of known rank',
      got: graph.inputs.map((candidate) => candidate.name).join(', '),
    });
  }
  const { calls, channels, a0, a1, b } = coefficients;
  const declared = input.dims[options.channelAxis];
  const isAxis = declared !== undefined && (typeof declared !== 'number' || declared === channels);
  if (!isAxis || [a0, a1, b].some((values) => values.length !== calls * channels)) {
    throw new CacheQuantError('shape', 'the coefficients do not fit the cached tensor', {
      where,
      expected: `${channels} channels on axis ${options.channelAxis}, three tables of ${calls} × ${channels}`,
      got: `[${input.dims}] and ${a0.length}, ${a1.length}, ${b.length} numbers`,
    });
  }
  if (![a0, a1, b].every((values) => values.every(Number.isFinite))) {
    throw new CacheQuantError('calibration', 'a coefficient is not a finite number', { where });
  }
  return input;
}

function addInput(graph: OnnxGraph, input: ValueInfo): void {
  if (graph.inputs.some(({ name }) => name === input.name)) {
    throw new CacheQuantError('invalid-argument', 'the graph has an input of this name already', {
      where: input.name,
      hint: 'A correction is folded into a graph once.',
    });
  }
  graph.inputs.push(input);
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
