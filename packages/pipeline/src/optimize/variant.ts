import { cachedDenoiser } from '../generate/cached-denoiser.js';
import type { Denoiser } from '../generate/denoiser.js';
import { floatDenoiser } from '../generate/float-denoiser.js';
import { psnr } from '../images/psnr.js';
import type { RgbImage } from '../images/rgb-image.js';
import { loadGraph } from '../model/load-graph.js';
import { CACHE_NAME, type Laboratory, sampleCalibration } from './laboratory.js';

/** A way to run the denoiser: graphs of the work folder, and when each of them runs. */
export interface Variant {
  readonly full: string;
  /** Left out: the full graph runs at every call. */
  readonly cached?: {
    readonly graph: string;
    readonly refreshSteps: readonly number[];
    readonly anchors: 1 | 2;
  };
}

export async function loadVariant(lab: Laboratory, { full, cached }: Variant): Promise<Denoiser> {
  const signal = lab.signal && { signal: lab.signal };
  const keep = cached ? { keepOnDevice: [CACHE_NAME] } : {};
  const fullSession = await loadGraph(lab.runtime, lab.work, full, { ...keep, ...signal });
  if (!cached) return floatDenoiser(fullSession);
  try {
    const cachedSession = await loadGraph(lab.runtime, lab.work, cached.graph, { ...signal });
    return cachedDenoiser({
      full: fullSession,
      cached: cachedSession,
      refreshSteps: cached.refreshSteps,
      anchors: cached.anchors,
    });
  } catch (error) {
    await fullSession.dispose();
    throw error;
  }
}

/** PSNR in decibels of each calibration image against its reference picture. */
export async function calibrationPsnr(
  lab: Laboratory,
  stage: string,
  variant: Variant,
  references: readonly RgbImage[],
): Promise<number[]> {
  const denoiser = await loadVariant(lab, variant);
  const pictures: Promise<RgbImage>[] = [];
  try {
    await sampleCalibration(lab, stage, denoiser, {
      after: (_image, latents) => {
        pictures.push(lab.toPicture(latents));
      },
    });
    const made = await Promise.all(pictures);
    return made.map((picture, i) => psnr(picture, references[i]!));
  } finally {
    await denoiser.dispose();
  }
}

