import type { CallTableBuilder } from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { ActivationGridTable } from './activation-statistics.js';

/** The current call's scales and zero points inside a graph: one table and one Split each for all tensors. */
export class GridRows {
  readonly #position = new Map<string, number>();
  readonly #scales: string[];
  readonly #zeroPoints: string[];
  readonly #quantized = new Map<string, string>();
  /** The whole row of scales, [sites]. */
  readonly scaleRow: string;

  constructor(
    readonly builder: CallTableBuilder,
    table: ActivationGridTable,
    sites: readonly string[],
  ) {
    for (const [i, site] of sites.entries()) this.#position.set(site, i);
    const columns = sites.map((site) => columnOf(table, site));
    const ones = sites.map(() => 1);
    this.scaleRow = builder.row('scales', 'float32', table.calls, select(table.scales, table, columns));
    this.#scales = builder.split(this.scaleRow, 'cachequant/scale', ones);
    const zeroPoints = builder.row(
      'zero_points',
      'uint8',
      table.calls,
      select(table.zeroPoints, table, columns),
    );
    this.#zeroPoints = builder.split(zeroPoints, 'cachequant/zero_point', ones);
  }

  indexOf(site: string): number {
    return this.#position.get(site)!;
  }

  scale(site: string): string {
    return this.#scales[this.indexOf(site)]!;
  }

  zeroPoint(site: string): string {
    return this.#zeroPoints[this.indexOf(site)]!;
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
