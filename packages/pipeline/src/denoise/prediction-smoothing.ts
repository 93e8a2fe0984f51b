/**
 * Takes a part of the prediction before into every prediction: ε̂ₜ = εₜ + wₜ · (εₜ₋₁ − εₜ).
 *
 * What integers round differs from call to call, while the prediction hardly does, and multistep samplers multiply
 * just such differences: PLMS takes 55/24 of a prediction and −59/24 of the one before.
 */
export class PredictionSmoothing {
  private before: Float32Array | undefined;

  /** @param weightAt wₜ by call */
  constructor(private readonly weightAt: (call: number) => number) {}

  /** The smoothed form of the prediction of a call; predictions are given in the order of the calls. */
  apply(call: number, prediction: Float32Array): Float32Array {
    const { before } = this;
    const weight = this.weightAt(call);
    this.before = prediction;
    if (before === undefined || weight === 0) return prediction;
    return prediction.map((value, i) => value + weight * (before[i]! - value));
  }
}
