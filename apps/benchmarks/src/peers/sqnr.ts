/** Signal to noise of values against a reference, in dB; 300 where they are the same. */
export function sqnrDb(reference: ArrayLike<number>, values: ArrayLike<number>): number {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < reference.length; i++) {
    signal += reference[i]! ** 2;
    noise += (values[i]! - reference[i]!) ** 2;
  }
  return Math.min(300, 10 * Math.log10(signal / noise));
}
