import type { ChosenRow } from '../results.js';

type SamplerName = ChosenRow['sampler'];
/** Samplers of models that were not distilled. */
type SolverName = Exclude<SamplerName, 'lcm'>;

/** What a picture shows. */
export interface Subject {
  /** Empty for a model that takes no text. */
  readonly prompt: string;
  readonly classLabel?: number;
  /** What the evaluator is to find in the picture, in words of its classes; empty where nothing was asked for. */
  readonly caption: string;
}

/** What calibration sees, and what the table is measured on. */
export interface SubjectSplit {
  readonly calibration: readonly Subject[];
  /** With prompts: never calibrated on. Classes are few, so that only the seeds are held out. */
  readonly heldOut: readonly Subject[];
}

/** A network that judges pictures, and its outputs that tell kinds and colours apart. */
export interface AblationEvaluator {
  /** Its folder in models/. */
  readonly name: string;
  readonly kind: string;
  /** Absent where it does not name colours. */
  readonly color?: string;
}

/** A few-step model, which takes the guidance scale as an input in place of a second half. */
export interface Student {
  /** Its folder in models/. */
  readonly name: string;
  readonly sampler: SamplerName;
  readonly steps: readonly number[];
}

/** A trained model and the ways to run it that the ablation compares. */
export interface AblationModel {
  /** Its folder in models/. */
  readonly name: string;
  /** 1 for a model without guidance. */
  readonly guidanceScale: number;
  /** Channels, height and width of a sample. */
  readonly latentDims: readonly [number, number, number];
  /** Pixels of the side of a picture. */
  readonly pictureSize: number;
  /** What judges its pictures. */
  readonly evaluator: AblationEvaluator;
  subjects(): Promise<SubjectSplit>;
  /** As the model is usually run. */
  readonly original: { readonly sampler: SamplerName; readonly steps: number };
  /** Samplers that take fewer steps, in float and in integers; among them the original. */
  readonly steps: Readonly<Partial<Record<SolverName, readonly number[]>>>;
  /** Network calls per refresh of the caches that are compared. */
  readonly intervals: readonly number[];
  /** Intervals of the factorial of corrections; none: no factorial. */
  readonly factorIntervals: readonly number[];
  /** Samplers, steps and intervals with which our best is tried, in integers where nothing else is said. */
  readonly best: readonly (readonly [SamplerName, number, readonly number[], 'float'?])[];
  /** A model distilled from it to few steps, with other weights and a sampler of its own. */
  readonly student?: Student;
  /** Whether the figure also shows what the rows would cost in a denoiser of SD-1.5's size. */
  readonly comparesSd15: boolean;
  /** Whether its calls are short enough for searches among the levers: hundreds of plans, each of several pictures. */
  readonly searchesLevers: boolean;
}
