import { type ConditioningFamily, type LatentDecoder, loadDecoder } from '@cachequant/pipeline';
import { hashText, latentView } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Runtime, type Storage } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { type DecisionRecord, optionsOfRecord, requireRecordOf } from '../decision-record.js';
import { type OpenRecipe, type OptimizeOptions, parseRecipe } from '../recipe.js';
import { sizesOf } from '../sizes/picture-size.js';
import { ownWork } from '../work/own-work.js';
import { openStages, type StageObserver, type StageRunner } from '../work/stage-runner.js';
import { type CalibrationFeeds, fitFeeds } from './calibration-feeds.js';
import { type ControlImages, prepareControl } from './control-images.js';
import type { GivenConditioning } from './given-conditioning.js';
import { prepareImages } from './prepare-images.js';
import { denoiserDims, type PreparedSource, prepareSource } from './prepare-source.js';
import { promptWarnings } from './prompt-warnings.js';
import { type SourceWatch, watchSource } from './source-watch.js';

/** Raised whenever results of the same options may differ from those of an earlier version. */
const RESULTS_VERSION = 10;

/** What an optimization's stages run on: the model, a folder for their results, a runtime, and options. */
export interface CalibrationContextOptions extends StageObserver {
  /** The model folder. */
  readonly source: Storage;
  /** Takes intermediate results, and lets a stopped run go on. */
  readonly work: Storage;
  readonly runtime: Runtime;
  readonly options?: OptimizeOptions;
  /** For a denoiser whose folder has no text encoder. */
  readonly conditioning?: GivenConditioning;
  /** For a model with a ControlNet, which needs them. */
  readonly controlImages?: ControlImages;
  /** Families of models beyond those that are known. */
  readonly families?: readonly ConditioningFamily[];
  /** What calibration images are conditioned on, in place of what the model's family says. */
  readonly feeds?: CalibrationFeeds;
  /** Its options hold, and its decisions, in place of measurements. */
  readonly plan?: DecisionRecord;
  readonly onWarning?: (warning: string) => void;
  readonly signal?: AbortSignal;
}

/** An open calibration context, with what was prepared for it. */
export interface OpenCalibrationContext {
  readonly context: CalibrationContext;
  readonly runner: StageRunner;
  readonly prepared: PreparedSource;
  /** The same model at the further sizes of the recipe. */
  readonly furtherSizes: readonly PreparedSource[];
  readonly inputDims: Readonly<Record<string, readonly number[]>>;
  /** Of the model, which must stay as it is. */
  readonly watch: SourceWatch;
  readonly sourceFingerprint: string;
  /** Of conditioning or control images that were given. */
  readonly conditioningFingerprint: string | undefined;
  readonly plan: DecisionRecord | undefined;
  /** What the user should know of the folder and of the prompts. */
  readonly warnings: readonly string[];
  /** Frees the networks that are loaded. */
  dispose(): Promise<void>;
}

/**
 * Reads the source, prepares its images, and opens the work folder, which is this calibration context's alone until it is
 * disposed.
 * @throws CacheQuantError `storage` while another run works in the folder
 */
export async function openCalibrationContext(
  options: CalibrationContextOptions,
): Promise<OpenCalibrationContext> {
  const lock = await options.work.lock(WORK_LOCK);
  try {
    const opened = await openLocked(options);
    const dispose = async () => {
      await opened.dispose();
      await lock.release();
    };
    return { ...opened, dispose };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function unusedFeeds(names: readonly string[]): string {
  return `Calibration samples its own pictures: what the files have for ${names.join(' and ')} is not used.`;
}

/** Held by whoever writes into a work folder. */
const WORK_LOCK = 'work';

async function openLocked(options: CalibrationContextOptions): Promise<OpenCalibrationContext> {
  const { source, runtime, conditioning, plan, signal } = options;
  const work = await ownWork(options.work);
  const given = options.options ?? {};
  const asked = parseRecipe(plan ? optionsOfRecord(plan, given) : given);
  await requireProfile(runtime, asked, plan);
  const prepared = await prepareSource(source, asked, { conditioning, families: options.families });
  const { recipe } = prepared;
  const furtherSizes: PreparedSource[] = [];
  for (const size of sizesOf(asked).further) {
    furtherSizes.push(await prepareSource(source, asked, { conditioning, families: options.families, size }));
  }
  const control = await prepareControl(prepared, recipe, options.controlImages);
  const conditioningFingerprint = conditioning?.fingerprint ?? control?.fingerprint;
  const feeds = options.feeds && fitFeeds(options.feeds, prepared);
  if (furtherSizes.length > 0 && (conditioning || control || feeds)) throw givenForOneSize();
  const watch = await watchSource(prepared.folder, { signal, recipe: prepared.described });
  const sourceFingerprint = watch.fingerprint;
  if (plan) requireRecordOf(plan, { fingerprint: sourceFingerprint, conditioning: conditioningFingerprint });
  const runner = await openStages(
    work,
    hashText(
      JSON.stringify([
        RESULTS_VERSION,
        recipe,
        sourceFingerprint,
        conditioningFingerprint,
        plan,
        ...(options.feeds ? [options.feeds.fingerprint] : []),
      ]),
    ),
    {
      signal,
      beforeSave: () => watch.check(signal),
      onStage: options.onStage,
      onProgress: options.onProgress,
    },
  );
  const images = await prepareImages(prepared, runtime, recipe, {
    signal,
    given: conditioning,
    control,
    feeds,
  });
  const warnings = [
    ...prepared.folder.warnings,
    ...prepared.warnings,
    ...(feeds?.unused.length ? [unusedFeeds(feeds.unused)] : []),
    ...(await promptWarnings(prepared.folder, images.calibration)),
  ];
  for (const warning of warnings) options.onWarning?.(warning);
  const decoder = await openDecoder(prepared, runtime);
  const context: CalibrationContext = {
    runtime,
    work,
    recipe,
    sampler: prepared.sampler,
    samplerLayout: prepared.samplerLayout,
    samplerAt: prepared.samplerAt,
    guidanceScale: prepared.guidanceScale,
    latentDims: prepared.latentDims,
    refreshes: prepared.refreshes,
    output: prepared.model.graph.outputs[0]!.name,
    conditioning: prepared.conditioning,
    ...images,
    toPicture: async (latents) => (await decoder.decode(latents))[0]!,
    onProgress: runner.progress,
    signal,
  };
  const inputDims = denoiserDims(prepared, images.calibration[0]!);
  return {
    context,
    runner,
    prepared,
    furtherSizes,
    inputDims,
    watch,
    sourceFingerprint,
    conditioningFingerprint,
    plan,
    warnings,
    dispose: () => decoder.dispose(),
  };
}

function givenForOneSize(): CacheQuantError {
  return new CacheQuantError('unsupported', 'conditioning that is given is that of one size', {
    where: 'option size',
    expected: 'one size, or a model with its text encoder',
  });
}

/** Without an autoencoder, samples are pixels, or latents that are judged as they are. */
async function openDecoder({ folder, latentDims }: PreparedSource, runtime: Runtime): Promise<LatentDecoder> {
  const [channels] = latentDims;
  const pixels = channels === 1 || channels === 3;
  if (!folder.vaeDecoder && !pixels) return latentView();
  const decoder = await loadDecoder(folder, runtime);
  try {
    decoder.requireChannels(channels);
    return decoder;
  } catch (error) {
    await decoder.dispose();
    throw error;
  }
}

/** Without a profile no layer can be timed, and to leave them all in integers is not for us to decide. */
async function requireProfile(
  runtime: Runtime,
  { bits, layers }: OpenRecipe,
  plan: DecisionRecord | undefined,
) {
  if (bits === 'none' || layers === 'all' || plan) return;
  if ((await runtime.capabilities()).profiling) return;
  throw new CacheQuantError('unsupported', 'this runtime cannot measure layers', {
    where: 'option layers',
    expected: 'a runtime that keeps a profile',
    got: runtime.name,
    hint: "Take layers: 'all', or a plan that was measured elsewhere",
  });
}
