/** What guidance adds: conditional − unconditional, as the network gave it at a call. */
interface Difference {
  readonly call: number;
  readonly values: Float32Array;
}

/**
 * How far the line through the last two differences is followed: 0 is reuse, 1 extrapolation. On models/fashion-sd
 * in integers (PLMS 50, interval 5) a half gave 36.8 dB, reuse 36.3, the whole line 36.4.
 */
const REACH = 0.5;

/**
 * The guided difference of an image, for calls that compute the conditional half alone.
 *
 * It changes less from call to call than either half, and the error of a half that is computed anew then enters the
 * guided prediction once, not times the guidance scale.
 */
export class GuidanceForecast {
  private newest: Difference | undefined;
  private previous: Difference | undefined;

  /** Takes the difference of a call that computed both halves. */
  observe(call: number, unconditional: Float32Array, conditional: Float32Array): void {
    this.previous = this.newest;
    this.newest = { call, values: conditional.map((value, i) => value - unconditional[i]!) };
  }

  /** The difference expected at a later call; undefined before any was observed. */
  at(call: number): Float32Array | undefined {
    const { newest, previous } = this;
    if (newest === undefined || previous === undefined) return newest?.values;
    const reach = (REACH * (call - newest.call)) / (newest.call - previous.call);
    return newest.values.map((value, i) => value + reach * (value - previous.values[i]!));
  }
}
