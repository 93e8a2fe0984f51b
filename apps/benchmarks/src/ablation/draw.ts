import type { Contestant } from './contestants.js';
import type { ImageMaker } from './images.js';
import type { PictureFile } from './picture-file.js';

export interface DrawRequest {
  readonly maker: ImageMaker;
  readonly batch: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** Draws what a contestant's file lacks of its first `count` pictures, batch by batch. */
export async function drawPictures(
  contestant: Contestant,
  file: PictureFile,
  count: number,
  { maker, batch, signal, log }: DrawRequest,
): Promise<void> {
  if (file.count >= count) return;
  const denoiser = await contestant.load();
  const started = performance.now();
  const before = file.count;
  try {
    while (file.count < count) {
      signal.throwIfAborted();
      const size = Math.min(batch, count - file.count);
      const pictures = await maker.make({ denoiser, sampler: contestant.sampler }, file.count, size);
      await file.append(pictures);
    }
    const each = (performance.now() - started) / (file.count - before);
    log(`${contestant.row.id}: ${file.count} pictures, ${each.toFixed(0)} ms each`);
  } finally {
    await denoiser.dispose();
  }
}
