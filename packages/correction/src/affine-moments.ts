import { CacheQuantError, requireInteger } from '@cachequant/tensor';
import { requireSame } from './arguments.js';
import { type ChannelLayout, packChannels, requireLayout } from './channel-layout.js';

/** Plain sums over n samples of pairs (x, y). */
export interface AffineSums {
  n: number;
  sumX: number;
  sumY: number;
  sumXX: number;
  sumXY: number;
}

/** The state of `AffineMoments` in plain numbers and typed arrays; sums are [calls, channels], row-major. */
export interface AffineSnapshot {
  readonly calls: number;
  readonly channels: number;
  /** Samples per channel of every call, [calls]. */
  readonly samples: Float64Array;
  readonly sumX: Float64Array;
  readonly sumY: Float64Array;
  readonly sumXX: Float64Array;
  readonly sumXY: Float64Array;
  readonly sumYY: Float64Array;
}

const SUMS = ['sumX', 'sumY', 'sumXX', 'sumXY', 'sumYY'] as const;

/**
 * Streaming moments of what a layer gives (x) and what it should give (y), per call and output channel.
 *
 * Observe a convolution's outputs without its bias: the correction scales the product, and a bias inside the
 * fit would be scaled with it.
 */
export class AffineMoments implements AffineSnapshot {
  readonly calls: number;
  readonly channels: number;
  readonly samples: Float64Array;
  readonly sumX: Float64Array;
  readonly sumY: Float64Array;
  readonly sumXX: Float64Array;
  readonly sumXY: Float64Array;
  readonly sumYY: Float64Array;

  constructor({ calls, channels }: { calls: number; channels: number }) {
    requireInteger('calls', calls, 1);
    requireInteger('channels', channels, 1);
    this.calls = calls;
    this.channels = channels;
    this.samples = new Float64Array(calls);
    const sums = () => new Float64Array(calls * channels);
    [this.sumX, this.sumY, this.sumXX, this.sumXY, this.sumYY] = [sums(), sums(), sums(), sums(), sums()];
  }

  /**
   * Takes in the outputs of one call, in any order and any number of times.
   *
   * @throws CacheQuantError `shape` when sizes differ, `calibration` when a value is not finite
   */
  observe(call: number, x: Float32Array, y: Float32Array, layout: ChannelLayout): void {
    requireInteger('call', call, 0, this.calls - 1);
    requireSame('channels', this.channels, layout.channels);
    requireLayout('x', x, layout);
    requireLayout('y', y, layout);
    requireFinite(call, 'x', x);
    requireFinite(call, 'y', y);
    const perChannel = layout.batch * layout.positions;
    const packedX = packChannels(x, layout);
    const packedY = packChannels(y, layout);
    for (let channel = 0; channel < this.channels; channel++) {
      const from = channel * perChannel;
      const to = from + perChannel;
      this.#add(call * this.channels + channel, packedX.subarray(from, to), packedY.subarray(from, to));
    }
    this.samples[call]! += perChannel;
  }

  /** The sums of one call and channel. */
  at(call: number, channel: number): AffineSums & { sumYY: number } {
    const at = call * this.channels + channel;
    return {
      n: this.samples[call]!,
      sumX: this.sumX[at]!,
      sumY: this.sumY[at]!,
      sumXX: this.sumXX[at]!,
      sumXY: this.sumXY[at]!,
      sumYY: this.sumYY[at]!,
    };
  }

  /** Adds other sums of the same shape, as if their samples had been observed here. */
  merge(other: AffineSnapshot): void {
    requireSame('calls', this.calls, other.calls);
    requireSame('channels', this.channels, other.channels);
    for (const name of ['samples', ...SUMS] as const) {
      requireSame(`length of ${name}`, this[name].length, other[name].length);
      for (let at = 0; at < this[name].length; at++) this[name][at]! += other[name][at]!;
    }
  }

  /** The sums so far; the arrays are the live ones. */
  snapshot(): AffineSnapshot {
    const { calls, channels, samples, sumX, sumY, sumXX, sumXY, sumYY } = this;
    return { calls, channels, samples, sumX, sumY, sumXX, sumXY, sumYY };
  }

  /** Moments that continue from a snapshot, whose arrays are copied. */
  static restore(snapshot: AffineSnapshot): AffineMoments {
    const moments = new AffineMoments(snapshot);
    moments.merge(snapshot);
    return moments;
  }

  #add(at: number, x: Float32Array, y: Float32Array): void {
    let [sumX, sumY, sumXX, sumXY, sumYY] = [0, 0, 0, 0, 0];
    for (let i = 0; i < x.length; i++) {
      const u = x[i]!;
      const v = y[i]!;
      sumX += u;
      sumY += v;
      sumXX += u * u;
      sumXY += u * v;
      sumYY += v * v;
    }
    this.sumX[at]! += sumX;
    this.sumY[at]! += sumY;
    this.sumXX[at]! += sumXX;
    this.sumXY[at]! += sumXY;
    this.sumYY[at]! += sumYY;
  }
}

function requireFinite(call: number, name: string, values: Float32Array): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new CacheQuantError('calibration', 'a layer output is not finite', {
    where: `call ${call}, ${name}[${bad}]`,
    got: String(values[bad]),
  });
}
