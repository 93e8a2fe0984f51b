import type { CallTableBuilder } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { ActivationGridTable } from './activation-statistics.js';

/** The current call's scales and zero points inside a graph: one table and one Split each for all tensors. */
export class GridRows {
  readonly #position = new Map<string, number>();
  readonly #scales: string[];
  readonly #zeroPoints: string[];
  readonly #quantized = new Map<string, string>();

  constructor(
    readonly builder: CallTableBuilder,
    table: ActivationGridTable,
    sites: readonly string[],
  ) {
    for (const [i, site] of sites.entries()) this.#position.set(site, i);
    const columns = sites.map((site) => columnOf(table, site));
    const ones = sites.map(() => 1);
    const scales = builder.row('scales', 'float32', table.calls, select(table.scales, table, columns));
    this.#scales = builder.split(scales, 'cachequant/scale', ones);
    this.#zeroPoints = zeroPointNames(builder, table, columns);
  }

  scale(site: string): string {
    return this.#scales[this.#position.get(site)!]!;
  }

  zeroPoint(site: string): string {
    return this.#zeroPoints[this.#position.get(site)!]!;
  }

  /**
   * The tensor as uint8, quantized once for all its consumers.
   * @param source holds the site's values in another shape; as a site of its own it has another grid
   */
  quantized(site: string, source = site): string {
    const key = JSON.stringify([site, source]);
    const known = this.#quantized.get(key);
    if (known) return known;
    const output = this.builder.node(
      'QuantizeLinear',
      [source, this.scale(site), this.zeroPoint(site)],
      this.builder.name(`${source}/uint8`),
    );
    this.#quantized.set(key, output);
    return output;
  }
}

/** Names of the zero points: constants where they are the same at all calls, else pieces of the call's row. */
function zeroPointNames(
  builder: CallTableBuilder,
  table: ActivationGridTable,
  columns: readonly number[],
): string[] {
  const changing = columns.filter((column) => constantZeroPoint(table, column) === undefined);
  const pieces = changing.length > 0 ? changingZeroPoints(builder, table, changing) : [];
  return columns.map((column) => {
    const value = constantZeroPoint(table, column);
    if (value === undefined) return pieces[changing.indexOf(column)]!;
    return builder.constant(`cachequant/zero_point/${value}`, 'uint8', [], Uint8Array.of(value));
  });
}

function changingZeroPoints(
  builder: CallTableBuilder,
  table: ActivationGridTable,
  columns: readonly number[],
): string[] {
  const row = builder.row('zero_points', 'uint8', table.calls, select(table.zeroPoints, table, columns));
  return builder.split(
    row,
    'cachequant/zero_point',
    columns.map(() => 1),
  );
}

function constantZeroPoint(
  { calls, sites, zeroPoints }: ActivationGridTable,
  column: number,
): number | undefined {
  const first = zeroPoints[column]!;
  for (let call = 1; call < calls; call++) {
    if (zeroPoints[call * sites.length + column] !== first) return undefined;
  }
  return first;
}

function columnOf(table: ActivationGridTable, site: string): number {
  const column = table.sites.indexOf(site);
  if (column < 0) {
    throw new CacheQuantError('calibration', 'no grid was chosen for a tensor that is to be quantized', {
      where: site,
      hint: 'Observe the same layers that the plan computes in integers.',
    });
  }
  return column;
}

function select<A extends Float32Array | Uint8Array>(
  values: A,
  { calls, sites }: ActivationGridTable,
  columns: readonly number[],
): A {
  const result = new (values.constructor as new (length: number) => A)(calls * columns.length);
  for (let call = 0; call < calls; call++) {
    for (const [i, column] of columns.entries()) {
      result[call * columns.length + i] = values[call * sites.length + column]!;
    }
  }
  return result;
}
