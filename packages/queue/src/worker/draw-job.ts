import type { CallKind } from '@cachequant/pipeline';
import { drawPictures, type ModelShelf, type PictureOrder } from '@cachequant/server/internals';
import type { JobData, JobProgress } from '../jobs/job-messages.js';
import type { PictureDetails } from '../pictures/picture-file.js';
import { writePicture, writePreview } from '../pictures/picture-file.js';

export interface DrawJobOptions {
  readonly shelf: ModelShelf;
  /** What the model is and how it samples by itself. */
  readonly model: { readonly identity: PictureDetails['model']; readonly sampler: string | undefined };
  readonly signal: AbortSignal;
  /** Not waited for. */
  readonly onProgress: (progress: JobProgress) => void;
  /** Hears of each network call. */
  readonly onCall?: (kind: CallKind, seconds: number) => void;
  readonly now?: () => number;
}

const PROGRESS_MS = 250;

/**
 * Draws the picture of a job.
 * @returns its file, and the seconds that it took
 * @throws CacheQuantError as `Generator.generate`, ApiError when the model cannot be loaded
 */
export async function drawJob(
  { model, request, partials, requestId }: JobData,
  {
    shelf,
    model: { identity, sampler },
    signal,
    onProgress,
    onCall,
    now = () => performance.now(),
  }: DrawJobOptions,
): Promise<{ readonly file: Uint8Array; readonly seconds: number }> {
  const { prompt = '', ...rest } = request;
  const order: PictureOrder = {
    id: requestId,
    via: 'openai',
    model,
    prompt,
    ...rest,
    count: 1,
    partialPictures: partials,
  };
  let toldMs = Number.NEGATIVE_INFINITY;
  let [at, seconds] = [{ call: 0, calls: 0 }, 0];
  return shelf.use(model, async (loaded) => {
    const { images, warnings } = await drawPictures(loaded, order, {
      signal,
      onTimes: (took) => {
        seconds = took;
      },
      onStep: ({ call, calls, kind, ms }) => {
        onCall?.(kind, ms / 1000);
        at = { call: call + 1, calls };
        if (now() - toldMs < PROGRESS_MS) return;
        toldMs = now();
        onProgress(at);
      },
      onPartial: async (picture, index) => {
        onProgress({ ...at, partial: { index, preview: await writePreview(picture) } });
      },
    });
    const { defaults } = loaded.generator;
    const details: PictureDetails = {
      seed: request.seed,
      steps: request.steps ?? defaults.steps,
      sampler: request.sampler ?? defaults.sampler ?? sampler,
      guidanceScale: loaded.takesText ? (request.guidanceScale ?? defaults.guidanceScale) : undefined,
      warnings: [...warnings],
      seconds,
      model: identity,
    };
    return { file: writePicture(images[0]!, details), seconds };
  });
}
