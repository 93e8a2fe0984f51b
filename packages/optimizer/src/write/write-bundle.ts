import type { BundleManifest } from '@cachequant/pipeline';
import {
  chooseShrinkage,
  fitLatentPreview,
  mergedMoments,
  type OffCalibration,
  VERIFICATION,
  wordsOf,
  writePlanningData,
} from '@cachequant/pipeline/internals';
import { finishUnlessAborted, type OwnedStorage, type Storage, writeFile } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import { planSchedule } from '../candidates/candidate.js';
import type { Choice } from '../candidates/choose-variant.js';
import type { FloatGraphs } from '../candidates/float-variants.js';
import { componentFolder } from '../components/component.js';
import { PLAN } from '../decision-record.js';
import type { OptimizeSummary } from '../optimize-summary.js';
import type { OpenCalibrationContext } from '../prepare/open-calibration-context.js';
import type { Recipe } from '../recipe.js';
import type { SizeGraphs } from '../sizes/make-sizes.js';
import { bundleCard, CARD, licenseOf } from './bundle-card.js';
import { bytesUnder, copyComponents, denoiserBytes, finishBundle, writeDenoiser } from './bundle-files.js';
import { replaceBundle } from './bundle-place.js';
import { describeDecisions, describeGraphs, describeRecipe } from './describe-bundle.js';

/** Where a model came from: its id and commit on the Hugging Face Hub, its licence, and LoRAs merged into it. */
export interface SourceOrigin {
  readonly id?: string;
  readonly revision?: string;
  readonly license?: string;
  readonly adapters?: readonly { readonly name: string; readonly strength: number }[];
}

/** Where a bundle goes, and what its manifest says of its making. */
export interface BundleRequest {
  /**
   * Takes the bundle; its manifest is written last. A bundle that is there stays whole until the new one is, so that both
   * need room for a moment.
   */
  readonly out: Storage;
  /** For the manifest: a name for the source, and the version of the program. */
  readonly sourceName?: string;
  readonly createdBy?: string;
  /** Where the model came from, for the manifest and the card. */
  readonly origin?: SourceOrigin;
  readonly now?: () => Date;
  /** Bytes that a file of the denoiser's weights may have, for hosts with a limit; left out: one file. */
  readonly shardBytes?: number;
  readonly signal?: AbortSignal;
}

/** What was measured of the model and its bundle, to be written beside the graphs. */
export interface Measured extends Pick<OptimizeSummary, 'verification' | 'components' | 'operatingPoints'> {
  readonly floatGraphs: FloatGraphs;
  /** Graphs of further sizes. */
  readonly sizes: readonly SizeGraphs[];
  readonly offCalibration: readonly OffCalibration[];
}

/** Writes a bundle, in place of the one that is there. */
export function writeBundle(
  request: BundleRequest,
  opened: OpenCalibrationContext,
  calibrated: CalibratedModel,
  choice: Choice,
  measured: Measured,
): Promise<BundleManifest> {
  return replaceBundle(request.out, (place) =>
    writeFiles({ ...request, out: place }, opened, calibrated, choice, measured),
  );
}

/** Writes a bundle's files, its manifest last. */
async function writeFiles(
  { out: owned, ...request }: Omit<BundleRequest, 'out'> & { readonly out: OwnedStorage },
  { context, prepared, watch, sourceFingerprint, conditioningFingerprint }: OpenCalibrationContext,
  calibrated: CalibratedModel,
  choice: Choice,
  { verification, offCalibration, components, floatGraphs, sizes, operatingPoints }: Measured,
): Promise<BundleManifest> {
  const { signal } = request;
  const source = prepared.folder.storage;
  const replaced = components.filter(({ form }) => form !== 'as in the source');
  await copyComponents(source, owned, watch.files, {
    signal,
    work: context.work,
    replaced: new Map(replaced.map(({ name, form }) => [name, componentFolder(name, form)])),
  });
  const inputs = await writeDenoiser(context.work, owned, {
    full: choice.variant.full,
    cached: choice.variant.cached!.graph,
    weights: calibrated.integers ? 'int8/weights.bin' : 'float/weights.bin',
    shardBytes: request.shardBytes,
    variants: floatGraphs.kept.map(({ precision, variant }) => ({
      precision,
      full: variant.full,
      cached: variant.cached!.graph,
    })),
    sizes: sizes.map(({ width, height, ...size }) => ({ ...size, name: `${width}x${height}` })),
  });
  const planSource = { fingerprint: sourceFingerprint, conditioning: conditioningFingerprint };
  const plan = { ...describeDecisions(calibrated, choice, planSource), components, operatingPoints };
  await writeFile(owned, PLAN, `${JSON.stringify(plan, null, 2)}\n`);
  const features = mergedMoments(calibrated.features);
  const shrinkageOf = (refreshCalls: readonly number[]) =>
    finishUnlessAborted(chooseShrinkage(refreshCalls, calibrated.anchors), signal);
  await writePlanningData(owned, {
    moments: calibrated.integers ? mergedMoments(calibrated.anchors) : features,
    features,
    distances: features.distanceTable(),
    shrinkage: {
      schedule: await shrinkageOf(await planSchedule(calibrated, 'uniform', context.refreshes)),
      fit: await shrinkageOf(choice.chosen.refreshCalls),
    },
  });
  await writeFile(owned, VERIFICATION, `${JSON.stringify(verification, null, 2)}\n`);
  // Last: what was copied is what the results were made from.
  await watch.check(signal);
  const { id, revision, adapters } = request.origin ?? {};
  const license = request.origin?.license ?? (await licenseOf(source));
  const manifest = {
    createdBy: request.createdBy ?? 'cachequant',
    createdAt: (request.now ?? (() => new Date()))().toISOString(),
    source: {
      name: request.sourceName ?? 'model',
      fingerprint: sourceFingerprint,
      denoiserBytes: await denoiserBytes(source, watch.files),
      ...(id !== undefined && { id }),
      ...(revision !== undefined && { revision }),
      ...(license !== undefined && { license }),
      ...(adapters && { adapters: [...adapters] }),
    },
    ...describeGraphs(calibrated, choice, inputs, {
      floatVariants: floatGraphs.kept,
      components,
      sizes,
      fed: prepared.inputs,
    }),
    ...describeRecipe(calibrated, choice),
    preview: fitLatentPreview(calibrated.latents, context.latentDims, calibrated.references).map((row) => [
      ...row,
    ]),
    calibration: {
      negativePrompt: context.recipe.negativePrompt,
      words: wordsOf(context.calibration.map(({ prompt }) => prompt)),
      ...(context.conditioning?.family.takesControl && { controlScale: context.conditioning.controlScale }),
    },
    ...(prepared.described && { conditioning: prepared.described }),
    ...promptsIn(context.recipe),
    offCalibration: [...offCalibration],
    components: components.map(({ name, form, reason, sourceBytes, bytes }) => ({
      name,
      form,
      reason,
      sourceBytes,
      bytes,
    })),
  };
  const card = {
    manifest,
    verification,
    license,
    denoiserBytes: await bytesUnder(owned, 'denoiser/'),
  };
  await writeFile(owned, CARD, bundleCard(card));
  return finishBundle(owned, manifest);
}

/** How the bundle's prompts are read, where that is not as the model's own pipeline does it. */
function promptsIn({
  clipSkip,
  promptWeights,
  promptChunks: chunks,
}: Recipe): Pick<BundleManifest, 'prompts'> {
  const prompts = {
    ...(clipSkip > 0 && { clipSkip }),
    ...(promptWeights === 'read' && { weights: true }),
    ...(chunks > 1 && { chunks, padChunks: true }),
  };
  return Object.keys(prompts).length > 0 ? { prompts } : {};
}
