/** Adds the sum (and the sum of squares) of every channel of packed features to row `call`. */
export function addTotals(
  features: Float32Array,
  channels: number,
  call: number,
  sums: Float64Array,
  squares?: Float64Array,
): void {
  const perChannel = features.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0;
    let square = 0;
    const end = (channel + 1) * perChannel;
    for (let at = channel * perChannel; at < end; at++) {
      const value = features[at]!;
      sum += value;
      square += value * value;
    }
    sums[call * channels + channel]! += sum;
    if (squares) squares[call * channels + channel]! += square;
  }
}

/** Adds the dot product of every channel to row `pair`, and returns the L1 distance over all channels. */
export function addPair(
  a: Float32Array,
  b: Float32Array,
  channels: number,
  pair: number,
  products: Float64Array,
): number {
  const perChannel = a.length / channels;
  let distance = 0;
  for (let channel = 0; channel < channels; channel++) {
    let product = 0;
    let absolute = 0;
    const end = (channel + 1) * perChannel;
    for (let at = channel * perChannel; at < end; at++) {
      const x = a[at]!;
      const y = b[at]!;
      product += x * y;
      absolute += Math.abs(x - y);
    }
    products[pair * channels + channel]! += product;
    distance += absolute;
  }
  return distance;
}
