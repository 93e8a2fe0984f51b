import { CacheQuantError } from '@cachequant/tensor';
import { type ActivationGrid, chooseActivationGrid } from './activation-range.js';

/**
 * What calibration keeps of every activation: per (call, site) the exact range and a sample of elements,
 * filled from the output that `addObservers` adds.
 *
 * Memory: calls · sites · (2 + capacity) floats.
 */
export class ActivationStatistics {
  readonly #ranges: Float32Array;
  readonly #samples: Float32Array;
  readonly #filled: Int32Array;

  /** @param capacity sampled elements kept per (call, site), over all images; later ones are dropped */
  constructor(
    readonly calls: number,
    readonly sites: readonly string[],
    readonly capacity: number,
  ) {
    const cells = calls * sites.length;
    this.#ranges = new Float32Array(cells * 2);
    this.#samples = new Float32Array(cells * capacity);
    this.#filled = new Int32Array(cells).fill(-1);
  }

  /**
   * Adds one image's observation; NaN in it stays, and is reported by `grids`.
   * @param observation the observers' output of one run of the call, [sites · (2 + samples)]
   * @throws CacheQuantError `invalid-argument` for an unknown call, `shape` for an observation of other sites
   */
  record(call: number, observation: Float32Array): void {
    if (!Number.isInteger(call) || call < 0 || call >= this.calls) {
      throw new CacheQuantError('invalid-argument', 'there is no such call', {
        where: 'ActivationStatistics.record',
        expected: `0 … ${this.calls - 1}`,
        got: String(call),
      });
    }
    const stride = observation.length / this.sites.length;
    if (!Number.isInteger(stride) || stride < 2) {
      throw new CacheQuantError('shape', 'an observation does not fit the observed tensors', {
        where: 'ActivationStatistics.record',
        expected: `a multiple of ${this.sites.length} values`,
        got: `${observation.length}`,
      });
    }
    for (let site = 0; site < this.sites.length; site++) {
      this.#add(call * this.sites.length + site, observation.subarray(site * stride, (site + 1) * stride));
    }
  }

  /** @param values minimum, maximum, sample */
  #add(cell: number, values: Float32Array): void {
    const filled = this.#filled[cell]!;
    const min = values[0]!;
    const max = values[1]!;
    const at = cell * 2;
    this.#ranges[at] = filled < 0 ? min : Math.min(this.#ranges[at]!, min);
    this.#ranges[at + 1] = filled < 0 ? max : Math.max(this.#ranges[at + 1]!, max);
    const start = Math.max(0, filled);
    const sample = values.subarray(2, 2 + this.capacity - start);
    this.#samples.set(sample, cell * this.capacity + start);
    this.#filled[cell] = start + sample.length;
  }

  /** Whether the call was observed. */
  observed(call: number): boolean {
    return this.#filled[call * this.sites.length]! >= 0;
  }

  /**
   * The 8-bit grids of all sites at all calls. A call that was never observed takes the grids of the
   * nearest one that was, the earlier of two.
   * @throws CacheQuantError `calibration` when no call was observed, or a tensor was not finite
   */
  grids(): ActivationGridTable {
    const table = emptyGridTable(this.calls, this.sites);
    for (let call = 0; call < this.calls; call++) {
      if (!this.observed(call)) continue;
      for (let site = 0; site < this.sites.length; site++) this.#place(table, call, site);
    }
    for (let call = 0; call < this.calls; call++) {
      if (!this.observed(call)) copyGrids(table, this.#nearestObserved(call), call);
    }
    return table;
  }

  #place(table: ActivationGridTable, call: number, site: number): void {
    const cell = call * this.sites.length + site;
    const sample = this.#samples.subarray(
      cell * this.capacity,
      cell * this.capacity + Math.max(0, this.#filled[cell]!),
    );
    const range = { min: this.#ranges[cell * 2]!, max: this.#ranges[cell * 2 + 1]! };
    const grid = withSite(this.sites[site]!, call, () => chooseActivationGrid(sample, range));
    setGrid(table, call, site, grid);
  }

  #nearestObserved(call: number): number {
    for (let distance = 1; distance < this.calls; distance++) {
      if (call - distance >= 0 && this.observed(call - distance)) return call - distance;
      if (call + distance < this.calls && this.observed(call + distance)) return call + distance;
    }
    throw new CacheQuantError('calibration', 'no call was observed', { where: 'ActivationStatistics.grids' });
  }
}

/** 8-bit grids per (call, site), row-major [calls, sites]. */
export interface ActivationGridTable {
  readonly calls: number;
  readonly sites: readonly string[];
  readonly scales: Float32Array;
  readonly zeroPoints: Uint8Array;
}

function emptyGridTable(calls: number, sites: readonly string[]): ActivationGridTable {
  return {
    calls,
    sites,
    scales: new Float32Array(calls * sites.length).fill(1),
    zeroPoints: new Uint8Array(calls * sites.length),
  };
}

function setGrid(table: ActivationGridTable, call: number, site: number, grid: ActivationGrid): void {
  table.scales[call * table.sites.length + site] = grid.scale;
  table.zeroPoints[call * table.sites.length + site] = grid.zeroPoint;
}

function copyGrids(table: ActivationGridTable, from: number, to: number): void {
  const width = table.sites.length;
  table.scales.copyWithin(to * width, from * width, (from + 1) * width);
  table.zeroPoints.copyWithin(to * width, from * width, (from + 1) * width);
}

function withSite<T>(site: string, call: number, choose: () => T): T {
  try {
    return choose();
  } catch (error) {
    if (!CacheQuantError.is(error)) throw error;
    throw new CacheQuantError('calibration', `cannot choose a grid for call ${call}`, {
      where: site,
      hint: error.message,
      cause: error,
    });
  }
}
