import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  Evaluation,
  interval95,
  meanOf,
  type PictureScorer,
  pictureScorer,
  psnr,
  type RgbImage,
  readScorerReference,
  ssim,
} from '@cachequant/evaluate';
import { loadGraph } from '@cachequant/pipeline';
import { nodeStorage } from '@cachequant/runtime-node';
import type { Runtime } from '@cachequant/tensor';
import { MODELS } from '../paths.js';
import type { AblationEvaluator } from './models/ablation-model.js';
import type { AblationRow } from './results.js';

/** PSNR of equal pictures, so that means stay finite. */
const MAX_PSNR = 100;

/** Decibels, one for each picture that both have. */
export function psnrs(reference: readonly RgbImage[], pictures: readonly RgbImage[]): number[] {
  const count = Math.min(reference.length, pictures.length);
  return pictures.slice(0, count).map((picture, i) => Math.min(psnr(reference[i]!, picture), MAX_PSNR));
}

/** Mean squared errors of 8-bit values, one for each picture that both have. */
export function squaredErrors(reference: readonly RgbImage[], pictures: readonly RgbImage[]): number[] {
  return psnrs(reference, pictures).map((value) => 255 ** 2 / 10 ** (value / 10));
}

/** Measures against the float model with the same sampler and steps. */
export function pairedScores(
  reference: readonly RgbImage[],
  pictures: readonly RgbImage[],
): Pick<AblationRow, 'psnr' | 'psnrInterval' | 'squaredError' | 'ssim'> {
  const values = psnrs(reference, pictures);
  if (values.length === 0) return { psnr: null, psnrInterval: null, squaredError: null, ssim: null };
  return {
    psnr: meanOf(values),
    psnrInterval: interval95(values),
    squaredError: meanOf(squaredErrors(reference, pictures)),
    ssim: meanOf(values.map((_, i) => ssim(reference[i]!, pictures[i]!))),
  };
}

/** Measures against the converged solution. */
export function convergedScores(
  converged: readonly RgbImage[],
  pictures: readonly RgbImage[],
): Pick<AblationRow, 'psnrConverged' | 'psnrConvergedInterval'> {
  const values = psnrs(converged, pictures);
  if (values.length === 0) return { psnrConverged: null, psnrConvergedInterval: null };
  return { psnrConverged: meanOf(values), psnrConvergedInterval: interval95(values) };
}

/** Distance to real pictures and whether kind and colour are those of the caption. */
export interface Judge {
  judge(
    pictures: readonly RgbImage[],
    captionOf: (image: number) => string,
  ): Promise<Pick<AblationRow, 'frechet' | 'kindAccuracy' | 'colorAccuracy'>>;
  dispose(): Promise<void>;
}

export async function createJudge(
  runtime: Runtime,
  { name, kind, color }: AblationEvaluator,
): Promise<Judge> {
  const folder = path.join(MODELS, name);
  const scorer: PictureScorer = pictureScorer(
    await loadGraph(runtime, nodeStorage(folder), 'evaluator.onnx'),
  );
  const reference = readScorerReference(
    JSON.parse(await readFile(path.join(folder, 'reference.json'), 'utf8')),
    scorer.outputs,
  );
  return {
    async judge(pictures, captionOf) {
      const evaluation = new Evaluation(reference);
      for (const [i, picture] of pictures.entries()) {
        evaluation.add({ prompt: captionOf(i), picture, scores: await scorer.score(picture) });
      }
      const { frechet, measures } = evaluation.summary();
      return {
        frechet: frechet.toReal ?? null,
        kindAccuracy: measures[`${kind}Accuracy`]?.mean ?? null,
        colorAccuracy: color === undefined ? null : (measures[`${color}Accuracy`]?.mean ?? null),
      };
    },
    dispose: () => scorer.dispose(),
  };
}
