import {
  type EvaluatedImage,
  Evaluation,
  type EvaluationSummary,
  type PictureScores,
  relativeErrors,
} from '@cachequant/evaluate';
import type { GeneratedImage, GenerationRequest, Generator } from '@cachequant/pipeline';
import { CacheQuantError } from '@cachequant/tensor';
import type { CliIo } from '../io.js';
import type { EvaluateOptions, KnownScorer } from '../options/evaluate-options.js';
import { requestFor, type Subject } from '../options/generation-options.js';
import type { Progress } from '../print/progress.js';
import type { EvaluationShard } from './evaluation-shards.js';
import type { EvaluationState } from './evaluation-state.js';

export interface EvaluateRequest {
  readonly generator: Generator;
  readonly reference: Generator | undefined;
  readonly known: KnownScorer;
  /** Taken in turn. */
  readonly subjects: readonly Subject[];
  readonly options: EvaluateOptions;
  /** The picture to change. */
  readonly given?: Partial<GenerationRequest>;
  readonly state: EvaluationState;
  readonly progress: Progress;
  readonly io: CliIo;
}

/** What was done is saved after this time; less would be felt, more would be missed. */
const SAVE_INTERVAL_MS = 10_000;

/** Draws and measures one image after another, from where an earlier run was stopped. */
export async function evaluateImages(request: EvaluateRequest): Promise<EvaluationSummary> {
  const { known, subjects, options, state, progress } = request;
  const total = options.images ?? subjects.length;
  const saved = await state.load();
  const goesOn = saved !== undefined && saved.images <= total;
  const evaluation = goesOn ? Evaluation.restore(saved, known.reference) : new Evaluation(known.reference);
  if (goesOn) progress.note(`going on from image ${saved.images}`);
  let savedMs = performance.now();
  try {
    for (let image = evaluation.images; image < total; image++) {
      progress.update('evaluating', image, total);
      evaluation.add(await drawPair(request, image));
      if (performance.now() - savedMs < SAVE_INTERVAL_MS) continue;
      await state.save(evaluation.snapshot());
      savedMs = performance.now();
    }
  } catch (error) {
    if (evaluation.images > 0) await state.save(evaluation.snapshot());
    if (CacheQuantError.is(error) && error.code === 'aborted' && evaluation.images > 0) {
      progress.note(`${evaluation.images} images are kept; run the same command again to go on from there.`);
    }
    throw error;
  }
  progress.update('evaluating', total, total);
  progress.stop();
  return evaluation.summary();
}

/** Draws and measures the images of a shard, from where an earlier run of it was stopped. */
export async function evaluateShard(
  request: Omit<EvaluateRequest, 'state'>,
  images: readonly number[],
  shard: EvaluationShard,
): Promise<void> {
  const { known, progress } = request;
  const evaluation = new Evaluation(known.reference);
  let savedMs = performance.now();
  try {
    for (const [done, image] of images.entries()) {
      progress.update('evaluating', done, images.length);
      if (shard.images.has(image)) continue;
      const measures = evaluation.measure(await drawPair(request, image));
      // It refuses what is not finite.
      evaluation.addMeasures(measures);
      shard.add(image, measures);
      if (performance.now() - savedMs < SAVE_INTERVAL_MS) continue;
      await shard.save();
      savedMs = performance.now();
    }
  } finally {
    if (shard.images.size > 0) await shard.save();
  }
  progress.stop();
}

interface Drawn {
  readonly picture: GeneratedImage;
  readonly scores: PictureScores | undefined;
  /** Latents after each network call. */
  readonly trajectory: readonly Float32Array[];
}

async function drawPair(
  { generator, reference, known, subjects, options, given, io }: Omit<EvaluateRequest, 'state'>,
  image: number,
): Promise<EvaluatedImage> {
  const subject = subjects[image % subjects.length]!;
  const job = { ...subject, seed: options.seed + image };
  // Its own calls are those of these steps; the reference makes all of them.
  const { timesteps: _, ...defaults } = generator.defaults;
  const request: GenerationRequest = {
    ...defaults,
    ...requestFor(job, options),
    ...given,
    ...(io.signal && { signal: io.signal }),
  };
  const own = await draw(generator, request, known);
  const theirs =
    reference &&
    (await draw(reference, { ...request, width: own.picture.width, height: own.picture.height }, known));
  return {
    prompt: subject.prompt ?? '',
    picture: own.picture,
    ...(own.scores && { scores: own.scores }),
    ...(theirs && {
      reference: { picture: theirs.picture, ...(theirs.scores && { scores: theirs.scores }) },
      ...(own.trajectory.length === theirs.trajectory.length && {
        errorPerCall: relativeErrors(own.trajectory, theirs.trajectory),
      }),
    }),
  };
}

async function draw(
  generator: Generator,
  request: GenerationRequest,
  { scorer }: KnownScorer,
): Promise<Drawn> {
  const trajectory: Float32Array[] = [];
  const { images } = await generator.generate({
    ...request,
    onStep: ({ latents }) => {
      trajectory.push(latents.data.slice());
    },
  });
  const picture = images[0]!;
  return { picture, scores: await scorer?.score(picture), trajectory };
}
