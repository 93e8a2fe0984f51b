import { z } from 'zod';
import { isGuided } from '../denoise/guidance.js';
import type { AskedControl } from '../generate/asked-control.js';

const KINDS = ['guidance scale', 'negative prompt', 'wording', 'steps'] as const;

/** What a bundle is worth for requests unlike those it was calibrated with. */
export const offCalibrationSchema = z.object({
  kind: z.enum(KINDS),
  /** The guidance scale, the negative prompt, what was added to the prompts, or the number of steps. */
  value: z.union([z.number(), z.string()]),
  images: z.int().positive(),
  /** Against the original's pictures of the same requests (so in as many steps), in decibels, mean over the images. */
  psnr: z.number(),
  psnrInterval: z.tuple([z.number(), z.number()]),
  /** Of the same prompts and seeds as calibrated. */
  psnrCalibrated: z.number(),
});

/** All that were measured; kinds that a later version may add are left out. */
export const offCalibrationsSchema = z.preprocess(
  (all) => (Array.isArray(all) ? all.filter(isKnownOrDamaged) : all),
  z.array(offCalibrationSchema),
);

function isKnownOrDamaged(each: unknown): boolean {
  const kind = (each as { readonly kind?: unknown } | null)?.kind;
  return typeof kind !== 'string' || KINDS.some((known) => known === kind);
}

/** What was measured away from a bundle's calibration, for the warnings of a generator. */
export type OffCalibration = z.output<typeof offCalibrationSchema>;

/** What a warning is about. */
export interface GenerationSettings {
  readonly sampler: { readonly name: string; readonly steps: number };
  readonly guidanceScale: number;
  readonly negativePrompt: string;
  readonly prompts: readonly string[];
  /** The first call that is made; above 0 where a picture is changed. */
  readonly firstCall?: number;
  /** What a ControlNet is told. */
  readonly control?: Pick<AskedControl, 'scale' | 'guessMode' | 'start' | 'end'> | undefined;
}

/** What a bundle was calibrated with, and what was measured beyond that. */
export interface CalibratedFor {
  readonly sampler: { readonly name: string; readonly steps: number };
  readonly guidanceScale: number;
  /** Bundles of earlier versions do not say. */
  readonly calibration?:
    | {
        readonly negativePrompt: string;
        readonly words: readonly string[];
        readonly controlScale?: number | undefined;
      }
    | undefined;
  readonly offCalibration: readonly OffCalibration[];
}

/** Unseen words are not worth a warning where they cost less, in decibels. */
const WORTH_SAYING = 1;

/** Warnings of what a request asks that the calibration has not seen, with the loss that was measured. */
export function offCalibrationWarnings(bundle: CalibratedFor, request: GenerationSettings): string[] {
  const { sampler, guidanceScale, calibration } = bundle;
  const measured = (kind: OffCalibration['kind']) =>
    bundle.offCalibration.filter((each) => each.kind === kind);
  const warnings: string[] = [];
  if (request.sampler.name === sampler.name && request.sampler.steps !== sampler.steps) {
    const { steps } = request.sampler;
    const loss = lossAt(steps, nearestValue(measured('steps'), steps));
    warnings.push(`The bundle was calibrated at ${sampler.steps} steps; ${loss}.`);
  }
  if (appliedScale(request.guidanceScale) !== appliedScale(guidanceScale)) {
    const asked = appliedScale(request.guidanceScale);
    const applied = measured('guidance scale').map((each) => ({
      ...each,
      value: appliedScale(Number(each.value)),
    }));
    warnings.push(
      `The bundle was calibrated at guidance scale ${guidanceScale}; ${lossAt(asked, nearestValue(applied, asked))}.`,
    );
  }
  if (request.firstCall) {
    warnings.push(
      'The bundle was calibrated on runs from noise; runs that begin with a picture were not measured.',
    );
  }
  if (calibration === undefined) return warnings;
  if (request.control) warnings.push(...controlWarnings(calibration.controlScale ?? 1, request.control));
  if (isGuided(request.guidanceScale) && request.negativePrompt !== calibration.negativePrompt) {
    const [loss] = measured('negative prompt');
    const what = loss
      ? `another one, "${loss.value}", measured ${decibels(loss)}`
      : 'others were not measured';
    warnings.push(
      `The bundle was calibrated with the negative prompt "${calibration.negativePrompt}"; ${what}.`,
    );
  }
  const [wording] = measured('wording');
  const unseen = unseenWords(calibration.words, request.prompts);
  if (wording && unseen.length > 0 && wording.psnrCalibrated - wording.psnr >= WORTH_SAYING) {
    warnings.push(
      `The calibration has not seen ${unseen.map((word) => `"${word}"`).join(', ')}; prompts with unseen words measured ${decibels(wording)}.`,
    );
  }
  return warnings;
}

function controlWarnings(
  calibrated: number,
  { scale, guessMode, start, end }: NonNullable<GenerationSettings['control']>,
): string[] {
  const others = [
    ...(scale === calibrated ? [] : [`at ${scale}`]),
    ...(start > 0 || end < 1 ? ['at some of the calls alone'] : []),
    ...(guessMode ? ['in guess mode'] : []),
  ];
  if (others.length === 0) return [];
  return [
    `The bundle was calibrated with the ControlNet followed at ${calibrated}, at every call; ${others.join(', ')} its quality was not measured.`,
  ];
}

/** All scales without guidance are one. */
function appliedScale(guidanceScale: number): number {
  return isGuided(guidanceScale) ? guidanceScale : 1;
}

/** The words of prompts, in lower case, each once. */
export function wordsOf(prompts: readonly string[]): string[] {
  const words = prompts.flatMap((prompt) => prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  return [...new Set(words)].sort();
}

function unseenWords(seen: readonly string[], prompts: readonly string[]): string[] {
  const known = new Set(seen);
  return wordsOf(prompts).filter((word) => !known.has(word));
}

function nearestValue(measured: readonly OffCalibration[], asked: number): OffCalibration | undefined {
  return [...measured].sort(
    (a, b) => Math.abs(Number(a.value) - asked) - Math.abs(Number(b.value) - asked),
  )[0];
}

function lossAt(asked: number, nearest: OffCalibration | undefined): string {
  if (nearest === undefined) return `at ${asked} its quality was not measured`;
  if (nearest.value === asked) return `at ${asked}, pictures measured ${decibels(nearest)}`;
  return `at ${asked} its quality was not measured; at ${nearest.value}, pictures measured ${decibels(nearest)}`;
}

function decibels({ psnr, psnrCalibrated }: OffCalibration): string {
  return `${psnr.toFixed(1)} dB against the original's, in place of ${psnrCalibrated.toFixed(1)}`;
}
