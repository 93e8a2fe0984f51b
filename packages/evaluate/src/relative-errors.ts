/** ‖a − b‖ / ‖b‖ after each call. */
export function relativeErrors(
  trajectory: readonly Float32Array[],
  reference: readonly Float32Array[],
): number[] {
  return trajectory.map((latents, call) => {
    let difference = 0;
    let norm = 0;
    for (const [i, value] of latents.entries()) {
      const truth = reference[call]![i]!;
      difference += (value - truth) ** 2;
      norm += truth ** 2;
    }
    return Math.sqrt(difference / norm);
  });
}
