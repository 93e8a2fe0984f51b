import { CacheQuantError } from '@cachequant/tensor';
import { z } from 'zod';
import type { FeatureDistribution } from './feature-statistics.js';

/** What is known about a scorer's outputs. */
export interface ScorerReference {
  /** Of the features of real pictures; undefined when they were not measured. */
  readonly distribution: FeatureDistribution | undefined;
  /** By output: for each class, the words that stand for it. */
  readonly classes: Readonly<Record<string, readonly (readonly string[])[]>>;
}

const words = z.array(z.string());
const referenceSchema = z.looseObject({
  count: z.int().positive().optional(),
  mean: z.array(z.number()).optional(),
  covariance: z.array(z.array(z.number())).optional(),
});

/**
 * Reads the `reference.json` beside a scorer: `mean` and `covariance` of the features of `count` real pictures,
 * and for an output `x` with a number for each class their names, `xs`, and all words for them, `xSynonyms`.
 * @param outputs names of the scorer's outputs
 * @throws CacheQuantError `invalid-argument` naming the field
 */
export function readScorerReference(json: unknown, outputs: readonly string[]): ScorerReference {
  const parsed = referenceSchema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new CacheQuantError('invalid-argument', message, { where: `scorer reference, ${path.join('.')}` });
  }
  const classes: Record<string, string[][]> = {};
  for (const output of outputs) {
    const names = words.safeParse(parsed.data[`${output}s`]);
    if (!names.success) continue;
    const synonyms = z.array(words).safeParse(parsed.data[`${output}Synonyms`]);
    classes[output] = names.data.map((name, i) => [
      ...new Set([name.toLowerCase(), ...(synonyms.data?.[i] ?? []).map((word) => word.toLowerCase())]),
    ]);
  }
  return { distribution: distributionOf(parsed.data), classes };
}

function distributionOf({
  count,
  mean,
  covariance,
}: z.output<typeof referenceSchema>): FeatureDistribution | undefined {
  if (!count || !mean || !covariance) return undefined;
  if (covariance.length !== mean.length || covariance.some((row) => row.length !== mean.length)) {
    throw new CacheQuantError('shape', 'mean and covariance do not fit together', {
      where: 'scorer reference',
      expected: `a covariance of ${mean.length} × ${mean.length}`,
      got: `${covariance.length} rows`,
    });
  }
  return { count, mean: Float64Array.from(mean), covariance: Float64Array.from(covariance.flat()) };
}
