import { CacheQuantError, requireInteger } from '@cachequant/tensor';
import { requireSame } from './arguments.js';
import { type ChannelLayout, packChannels, requireLayout } from './channel-layout.js';
import { FeatureWindow } from './feature-window.js';
import { addPair, addTotals } from './moment-kernels.js';
import {
  addSums,
  clearSums,
  copySums,
  emptySums,
  type MomentShape,
  type MomentSums,
  type StoredSums,
  storedSums,
} from './moment-sums.js';

/** The state of `FeatureMoments` between trajectories, in plain numbers and typed arrays. */
export interface MomentsSnapshot extends MomentShape {
  readonly samples: number;
  readonly trajectories: number;
  /** 1 where the call has an anchor, [calls] */
  readonly anchored: Uint8Array;
  readonly sums: StoredSums;
}

/** The size of the tables of {@link FeatureMoments}, and whether anchors are observed apart from targets. */
export interface FeatureMomentsOptions {
  calls: number;
  channels: number;
  /**
   * Pairs of calls less than this far apart are kept, between 1 and `calls`. Groups of at most L calls need L
   * for one anchor, 2 · L for two.
   */
  window: number;
  /** Whether anchors are given on their own to `observe`; false by default. */
  separateAnchors?: boolean;
}

/**
 * First and second moments of a cached feature across the calls of a trajectory, gathered as the calls
 * happen: enough for every schedule and every cache correction, without storing the features.
 *
 * Memory: one window of feature maps during a trajectory, and calls · window · channels float64 numbers twice
 * (four times with separate anchors).
 */
export class FeatureMoments implements MomentShape {
  readonly calls: number;
  readonly channels: number;
  readonly window: number;
  readonly separateAnchors: boolean;
  /** Values per channel and call, over all finished trajectories. */
  samples = 0;
  trajectories = 0;
  readonly sums: MomentSums;
  /** 1 where the call has an anchor, [calls]. */
  readonly anchored: Uint8Array;

  readonly #pending: MomentSums;
  readonly #pendingAnchored: Uint8Array;
  readonly #anchors: FeatureWindow;
  #nextCall = -1;
  #perCall = 0;

  constructor({ calls, channels, window, separateAnchors = false }: FeatureMomentsOptions) {
    requireInteger('calls', calls, 1);
    requireInteger('channels', channels, 1);
    requireInteger('window', window, 1, calls);
    this.calls = calls;
    this.channels = channels;
    this.window = window;
    this.separateAnchors = separateAnchors;
    this.sums = emptySums(this);
    this.anchored = new Uint8Array(calls);
    this.#pending = emptySums(this);
    this.#pendingAnchored = new Uint8Array(calls);
    this.#anchors = new FeatureWindow(window);
  }

  /** Starts a trajectory; one that was begun and not ended is forgotten. */
  begin(): void {
    clearSums(this.#pending);
    this.#pendingAnchored.fill(0);
    this.#anchors.clear();
    this.#nextCall = 0;
    this.#perCall = 0;
  }

  /**
   * Takes in the features of one call, which are copied.
   *
   * @param call 0, 1, 2, … in this order
   * @param target features that the cache should give
   * @param anchor with separate anchors, what would be stored in the cache at this call; leave it out at
   * calls that are never refreshed
   * @throws CacheQuantError `calibration` for a call out of order, `shape` when sizes differ
   */
  observe(call: number, target: Float32Array, layout: ChannelLayout, anchor?: Float32Array): void {
    this.#requireTurn(call);
    requireLayout(`features of call ${call}`, target, layout);
    requireSame('channels', this.channels, layout.channels);
    if (call > 0) requireSame('values per channel', this.#perCall, layout.batch * layout.positions);
    this.#perCall = layout.batch * layout.positions;

    const packed = packChannels(target, layout, this.#anchors.recycle(call, target.length));
    const packedAnchor = this.#packAnchor(call, packed, layout, anchor);
    const { targetSum, targetSquare, anchorSum } = this.#pending;
    addTotals(packed, this.channels, call, targetSum, targetSquare);
    this.#requireFinite(call);
    if (this.separateAnchors && packedAnchor) addTotals(packedAnchor, this.channels, call, anchorSum);
    if (packedAnchor) this.#anchors.put(call, packedAnchor);
    this.#addPairs(call, packed, packedAnchor);
    this.#nextCall++;
  }

  /**
   * Adds the finished trajectory to the totals.
   *
   * @throws CacheQuantError `calibration` when calls are missing, or when the calls with anchors are not those
   * of the trajectories before
   */
  end(): void {
    if (this.#nextCall !== this.calls) {
      throw new CacheQuantError('calibration', 'the trajectory is not complete', {
        where: 'FeatureMoments.end',
        expected: `${this.calls} calls`,
        got: this.#nextCall < 0 ? 'none, begin() was not called' : String(this.#nextCall),
      });
    }
    this.#requireSameAnchors(this.#pendingAnchored);
    addSums(this.sums, this.#pending);
    this.anchored.set(this.#pendingAnchored);
    this.samples += this.#perCall;
    this.trajectories++;
    this.#anchors.clear();
    this.#nextCall = -1;
  }

  /** Adds the finished trajectories of `other`, as if they had been observed here. */
  merge(other: FeatureMoments): void {
    requireSame('shape of the merged moments', describeShape(this), describeShape(other));
    if (other.trajectories === 0) return;
    this.#requireSameAnchors(other.anchored);
    addSums(this.sums, other.sums);
    this.anchored.set(other.anchored);
    this.samples += other.samples;
    this.trajectories += other.trajectories;
  }

  /** The totals so far. The arrays are the live ones: write them out before observing more, or copy them. */
  snapshot(): MomentsSnapshot {
    const { calls, channels, window, separateAnchors, samples, trajectories, anchored } = this;
    const sums = storedSums(this.sums);
    return { calls, channels, window, separateAnchors, samples, trajectories, anchored, sums };
  }

  /** Moments that continue from a snapshot, whose arrays are copied. */
  static restore(snapshot: MomentsSnapshot): FeatureMoments {
    const moments = new FeatureMoments(snapshot);
    requireInteger('samples', snapshot.samples, 0);
    requireInteger('trajectories', snapshot.trajectories, 0);
    requireSame('anchored', moments.calls, snapshot.anchored.length);
    copySums(moments.sums, snapshot.sums);
    moments.anchored.set(snapshot.anchored);
    moments.samples = snapshot.samples;
    moments.trajectories = snapshot.trajectories;
    return moments;
  }

  /**
   * Summed L1 distances Σ|x_t − q_{t−k}|, [calls, window (k)]: the distance table of the scheduler.
   *
   * @throws CacheQuantError `calibration` when a call has no anchor, or nothing was observed
   */
  distanceTable(): { calls: number; window: number; distance: Float64Array } {
    if (this.anchored.includes(0)) {
      throw new CacheQuantError('calibration', 'distances are known only where every call has an anchor', {
        where: 'FeatureMoments.distanceTable',
        expected: `${this.calls} calls with anchors`,
        got: listCalls(this.anchored),
      });
    }
    return { calls: this.calls, window: this.window, distance: this.sums.distance.slice() };
  }

  #packAnchor(
    call: number,
    packed: Float32Array,
    layout: ChannelLayout,
    anchor: Float32Array | undefined,
  ): Float32Array | undefined {
    if (!this.separateAnchors) {
      if (anchor === undefined) {
        this.#pendingAnchored[call] = 1;
        return packed;
      }
      throw new CacheQuantError('invalid-argument', 'anchors are not kept apart', {
        where: `anchor of call ${call}`,
        hint: 'Create FeatureMoments with separateAnchors: true',
      });
    }
    if (anchor === undefined) return undefined;
    requireLayout(`anchor of call ${call}`, anchor, layout);
    this.#pendingAnchored[call] = 1;
    return packChannels(anchor, layout);
  }

  #addPairs(call: number, target: Float32Array, anchor: Float32Array | undefined): void {
    const { cross, anchorCross, distance } = this.#pending;
    for (let back = 0; back < this.window && back <= call; back++) {
      const earlier = this.#anchors.get(call - back);
      if (earlier === undefined) continue;
      const pair = call * this.window + back;
      distance[pair]! += addPair(target, earlier, this.channels, pair, cross);
      if (this.separateAnchors && anchor) addPair(anchor, earlier, this.channels, pair, anchorCross);
    }
  }

  #requireTurn(call: number): void {
    if (call === this.#nextCall && call < this.calls) return;
    throw new CacheQuantError('calibration', 'a call is out of order', {
      where: 'FeatureMoments.observe',
      expected: expectedTurn(this.#nextCall, this.calls),
      got: `call ${call}`,
    });
  }

  #requireFinite(call: number): void {
    const from = call * this.channels;
    const squares = this.#pending.targetSquare.subarray(from, from + this.channels);
    const channel = squares.findIndex((value) => !Number.isFinite(value));
    if (channel < 0) return;
    throw new CacheQuantError('calibration', 'the features contain NaN or infinite values', {
      where: `call ${call}, channel ${channel}`,
      hint: 'Check that the float model runs without overflow on this input',
    });
  }

  #requireSameAnchors(anchored: Uint8Array): void {
    if (this.trajectories === 0 || anchored.every((value, call) => value === this.anchored[call])) return;
    throw new CacheQuantError('calibration', 'trajectories differ in the calls that have anchors', {
      where: 'FeatureMoments',
      expected: listCalls(this.anchored),
      got: listCalls(anchored),
    });
  }
}

function expectedTurn(nextCall: number, calls: number): string {
  if (nextCall < 0) return 'begin() first';
  return nextCall < calls ? `call ${nextCall}` : `end() after ${calls} calls`;
}

function listCalls(anchored: Uint8Array): string {
  return `calls ${[...anchored.keys()].filter((call) => anchored[call] === 1).join(', ')}`;
}

function describeShape({ calls, channels, window, separateAnchors }: MomentShape): string {
  return `${calls} calls, ${channels} channels, window ${window}, ${separateAnchors ? 'separate' : 'shared'} anchors`;
}
