import { readFloat32 } from '../read-float32.js';
import type { WeightSource } from '../weight-source.js';
import type { Family } from './family.js';
import { UNET } from './prefixes.js';

/** What a network predicts. */
export type PredictionType = 'epsilon' | 'v_prediction';

/** What the network predicts, and what that was told by. */
export interface Prediction {
  readonly type: PredictionType;
  /** Trained down to pure noise: the noise schedule ends without any signal. */
  readonly zeroTerminalSnr: boolean;
  readonly because: string;
}

/** Steps that stable-diffusion-2-base, which predicts noise, was trained for; diffusers goes by it too. */
const SD2_BASE_STEPS = 875_000;

/** A bias that training for v-prediction spread out. Source: ComfyUI tells Stable Diffusion 2.x models apart so. */
const SD2_BIAS = `${UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias`;
const SD2_BIAS_SPREAD = 0.09;

/**
 * Finds out whether the network predicts the noise or v, in this order: what was asked for; marks in the file
 * (weights called `v_pred` and `ztsnr`, `modelspec.prediction_type`); for Stable Diffusion 2.x the steps of training,
 * and else the spread of a bias; noise for all others.
 */
export async function findPrediction(
  source: WeightSource,
  metadata: Readonly<Record<string, string>>,
  family: Family,
  asked?: PredictionType,
): Promise<Prediction> {
  const zeroTerminalSnr = source.has('ztsnr');
  const found = (type: PredictionType, because: string): Prediction => ({ type, zeroTerminalSnr, because });
  if (asked !== undefined) return found(asked, 'it was asked for');
  if (source.has('v_pred')) return found('v_prediction', "the file holds the mark 'v_pred'");
  const written = metadata['modelspec.prediction_type'];
  if (written === 'v') return found('v_prediction', 'modelspec.prediction_type says so');
  if (written === 'epsilon') return found('epsilon', 'modelspec.prediction_type says so');
  if (family !== 'sd2') return found('epsilon', 'nothing in the file says otherwise');
  return (await hasBaseSteps(source))
    ? found('epsilon', `it was trained for ${SD2_BASE_STEPS} steps, as stable-diffusion-2-base`)
    : fromBias(source, found);
}

async function hasBaseSteps(source: WeightSource): Promise<boolean> {
  if (!source.has('global_step') || source.dtypeOf('global_step') !== 'int64') return false;
  const bytes = await source.read('global_step');
  return (
    bytes.length === 8 &&
    new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true) === BigInt(SD2_BASE_STEPS)
  );
}

async function fromBias(
  source: WeightSource,
  found: (type: PredictionType, because: string) => Prediction,
): Promise<Prediction> {
  if (!source.has(SD2_BIAS)) return found('v_prediction', 'most models of Stable Diffusion 2.x predict v');
  const values = await readFloat32(source, SD2_BIAS);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const spread = Math.sqrt(variance);
  const type = spread > SD2_BIAS_SPREAD ? 'v_prediction' : 'epsilon';
  return found(
    type,
    `a bias of its last level is spread by ${spread.toFixed(3)} (v from ${SD2_BIAS_SPREAD})`,
  );
}
