import { readFileSync } from 'node:fs';

/** Small models of every kind that exporters write, relative to `models/`. */
export const MODEL_PATHS = [
  'tiny/ddpm-unet/model.onnx',
  'tiny/dit/model.onnx',
  'tiny/sd-unet-dynamo/model.onnx',
  'tiny/sd-unet-float-timestep/model.onnx',
  'tiny/sdxl-unet/model.onnx',
  'fashion-eval/evaluator.onnx',
  'fashion-sd/text_encoder/model.onnx',
  'fashion-sd/unet/model.onnx',
  'fashion-sd/vae_decoder/model.onnx',
] as const;

export function loadModelFile(path: string): Uint8Array {
  return readFileSync(new URL(`../../../../models/${path}`, import.meta.url));
}
