import { type FeatureDistribution, type FeatureSnapshot, FeatureStatistics } from './feature-statistics.js';
import { frechetDistance } from './frechet-distance.js';
import { labelOf } from './label-of.js';
import { type ErrorSnapshot, MeanErrors } from './mean-errors.js';
import { type MeanInterval, MeanIntervals, type MeanSnapshot } from './mean-intervals.js';
import type { PictureScores } from './picture-scorer.js';
import { psnr } from './psnr.js';
import type { RgbImage } from './rgb-image.js';
import type { ScorerReference } from './scorer-reference.js';
import { ssim } from './ssim.js';

/** One picture and what belongs to it. */
export interface EvaluatedImage {
  readonly prompt: string;
  readonly picture: RgbImage;
  readonly scores?: PictureScores;
  /** The same prompt and seed by the model that it is compared with. */
  readonly reference?: { readonly picture: RgbImage; readonly scores?: PictureScores };
  /** Relative error of the latents against the reference's, after each network call. */
  readonly errorPerCall?: readonly number[];
}

/** What is measured of one image, in plain numbers, which JSON keeps exactly. */
export interface ImageMeasures {
  /** Against the reference's picture, and of the picture itself. */
  readonly own: Readonly<Record<string, number>>;
  /** Of the reference's picture itself. */
  readonly reference: Readonly<Record<string, number>>;
  readonly features?: readonly number[];
  readonly referenceFeatures?: readonly number[];
  readonly errorPerCall?: readonly number[];
}

/** What is known of the images so far; a measure that nothing was given for is left out. */
export interface EvaluationSummary {
  readonly images: number;
  /** `psnr` in decibels, `ssim`, `<output>Accuracy` in [0, 1], or the mean of another output of the scorer. */
  readonly measures: Readonly<Record<string, MeanInterval>>;
  /** The same of the reference's pictures, for what needs no comparison. */
  readonly reference: Readonly<Record<string, MeanInterval>>;
  /** Measure minus that of the reference, paired by image. */
  readonly differences: Readonly<Record<string, MeanInterval>>;
  /** Of the features: to the scorer's real pictures, and to those of the reference. */
  readonly frechet: {
    readonly toReal?: number;
    readonly referenceToReal?: number;
    readonly toReference?: number;
  };
  /** Means over the images; empty without trajectories. */
  readonly errorPerCall: readonly number[];
}

/** Everything an `Evaluation` knows, as plain numbers; its size does not depend on the number of images. */
export interface EvaluationSnapshot {
  readonly images: number;
  readonly measures: MeanSnapshot;
  readonly reference: MeanSnapshot;
  readonly differences: MeanSnapshot;
  readonly features: FeatureSnapshot | null;
  readonly referenceFeatures: FeatureSnapshot | null;
  readonly errors: ErrorSnapshot;
}

/** PSNR of equal pictures, so that means stay finite. */
const MAX_PSNR = 100;
const FEATURES = 'features';

/** Measures pictures as they come, in memory that does not grow with their number. */
export class Evaluation {
  #images = 0;
  #measures = new MeanIntervals();
  #reference = new MeanIntervals();
  #differences = new MeanIntervals();
  #features: FeatureStatistics | undefined;
  #referenceFeatures: FeatureStatistics | undefined;
  #errors = new MeanErrors();

  /** @param scorer what is known about the outputs of the scorer whose scores come with the images */
  constructor(private readonly scorer: ScorerReference = { distribution: undefined, classes: {} }) {}

  get images(): number {
    return this.#images;
  }

  /**
   * Adds one image. Throws `invalid-argument` for values that are not finite, `shape` for pictures of
   * different sizes.
   */
  add(image: EvaluatedImage): void {
    this.addMeasures(this.measure(image));
  }

  /**
   * Measures an image without adding it, for whoever adds it elsewhere. Throws `shape` for pictures of different sizes.
   */
  measure({ prompt, picture, scores, reference, errorPerCall }: EvaluatedImage): ImageMeasures {
    const own = this.#judge(prompt, scores);
    const theirs = this.#judge(prompt, reference?.scores);
    const paired = reference && {
      psnr: Math.min(psnr(reference.picture, picture), MAX_PSNR),
      ssim: ssim(reference.picture, picture),
    };
    const features = scores?.[FEATURES];
    const referenceFeatures = reference?.scores?.[FEATURES];
    return {
      own: { ...paired, ...own },
      reference: theirs,
      ...(features && { features: [...features] }),
      ...(referenceFeatures && { referenceFeatures: [...referenceFeatures] }),
      ...(errorPerCall && { errorPerCall }),
    };
  }

  /**
   * Adds what was measured of the next image. Sums depend on their order: images that others have measured are added in
   * the order in which one would have.
   */
  addMeasures({ own, reference, features, referenceFeatures, errorPerCall }: ImageMeasures): void {
    const index = this.#images;
    this.#measures.add(index, own);
    this.#reference.add(index, reference);
    this.#differences.add(
      index,
      Object.fromEntries(Object.entries(reference).map(([name, value]) => [name, own[name]! - value])),
    );
    this.#features = collect(this.#features, features);
    this.#referenceFeatures = collect(this.#referenceFeatures, referenceFeatures);
    if (errorPerCall) this.#errors.add(errorPerCall);
    this.#images += 1;
  }

  /** Accuracies and scores of one picture. */
  #judge(prompt: string, scores: PictureScores = {}): Record<string, number> {
    const judged: Record<string, number> = {};
    for (const [name, values] of Object.entries(scores)) {
      const classes = this.scorer.classes[name];
      const label = classes && labelOf(prompt, classes);
      if (label !== undefined)
        judged[`${name}Accuracy`] = values.indexOf(Math.max(...values)) === label ? 1 : 0;
      else if (values.length === 1) judged[name] = values[0]!;
    }
    return judged;
  }

  /** Means, intervals, distances and errors of the images so far. */
  summary(): EvaluationSummary {
    const own = distributionOf(this.#features);
    const theirs = distributionOf(this.#referenceFeatures);
    const { distribution: real } = this.scorer;
    return {
      images: this.#images,
      measures: this.#measures.summary(),
      reference: this.#reference.summary(),
      differences: this.#differences.summary(),
      frechet: {
        ...(own && real && { toReal: frechetDistance(own, real) }),
        ...(theirs && real && { referenceToReal: frechetDistance(theirs, real) }),
        ...(own && theirs && { toReference: frechetDistance(own, theirs) }),
      },
      errorPerCall: this.#errors.means(),
    };
  }

  /** Everything that {@link Evaluation} needs to go on later, as plain data. */
  snapshot(): EvaluationSnapshot {
    return {
      images: this.#images,
      measures: this.#measures.snapshot(),
      reference: this.#reference.snapshot(),
      differences: this.#differences.snapshot(),
      features: this.#features?.snapshot() ?? null,
      referenceFeatures: this.#referenceFeatures?.snapshot() ?? null,
      errors: this.#errors.snapshot(),
    };
  }

  /** Goes on where a snapshot was taken. */
  static restore(snapshot: EvaluationSnapshot, scorer?: ScorerReference): Evaluation {
    const restored = new Evaluation(scorer);
    restored.#images = snapshot.images;
    restored.#measures = MeanIntervals.restore(snapshot.measures);
    restored.#reference = MeanIntervals.restore(snapshot.reference);
    restored.#differences = MeanIntervals.restore(snapshot.differences);
    restored.#features = snapshot.features ? FeatureStatistics.restore(snapshot.features) : undefined;
    restored.#referenceFeatures = snapshot.referenceFeatures
      ? FeatureStatistics.restore(snapshot.referenceFeatures)
      : undefined;
    restored.#errors = MeanErrors.restore(snapshot.errors);
    return restored;
  }
}

function collect(
  statistics: FeatureStatistics | undefined,
  features: readonly number[] | undefined,
): FeatureStatistics | undefined {
  if (!features) return statistics;
  const all = statistics ?? new FeatureStatistics(features.length);
  all.add(features);
  return all;
}

function distributionOf(statistics: FeatureStatistics | undefined): FeatureDistribution | undefined {
  return statistics && statistics.count > 1 ? statistics.distribution() : undefined;
}
