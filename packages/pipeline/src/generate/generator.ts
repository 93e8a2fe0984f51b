import type { Sampler, SamplerDefinition, SamplerOptions } from '@cachequant/samplers';
import { CacheQuantError, type Runtime, type Storage, throwIfAborted } from '@cachequant/tensor';
import { type Warn, warningCollector } from '../conditioning/warnings.js';
import type { Denoiser } from '../denoise/denoiser.js';
import { type Guidance, isGuided } from '../denoise/guidance.js';
import { layOutSampler } from '../model/lay-out-sampler.js';
import type { ModelFolder } from '../model/model-folder.js';
import { type AskedControl, askedControl, requireControlSize } from './asked-control.js';
import { generationDefaults } from './generation-defaults.js';
import {
  checkRequest,
  type GenerationDefaults,
  type GenerationRequest,
  type ImageJob,
  imageJobs,
} from './generation-request.js';
import { type GeneratorParts, loadParts, type PartOptions } from './generator-parts.js';
import { conditioningOf, type ImageRun } from './job-conditioning.js';
import { askedPart } from './part-of-run.js';
import { askedChange, encodeChange } from './picture-change.js';
import { type GeneratedImage, type RunTiming, runImages } from './run-images.js';
import { imageTokens, type SampleGeometry, sampleGeometry, sampleShape } from './sample-geometry.js';
import { chooseSize, type SizedDenoisers } from './sized-denoisers.js';

/** The pictures of a request in the order of their seeds, with warnings and times. */
export interface GenerationResult {
  readonly images: readonly GeneratedImage[];
  readonly warnings: readonly string[];
  readonly timings: {
    /** Of all prompts that were not encoded before. */
    readonly textEncoderMs: number;
    /** One for each image, or for each batch of images that was run together. */
    readonly runs: readonly RunTiming[];
    readonly totalMs: number;
  };
}

/** What a request amounts to before anything runs. */
export interface ResolvedRequest {
  readonly sampler: Sampler;
  readonly guidanceScale: number;
  /** Empty for a model that takes no text. */
  readonly prompts: readonly string[];
  /** Empty when left out. */
  readonly negativePrompt: string;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Images that go through the denoiser together, without counting the halves of guidance. */
  readonly batch: number;
  /** The first call of the sampler that is made; above 0 where a picture is changed. */
  readonly firstCall: number;
  /** What a ControlNet is told; undefined for a model without one. */
  readonly control: AskedControl | undefined;
}

/** The model, the runtime that runs it, and what {@link createGenerator} does otherwise than by default. */
export interface GeneratorOptions extends PartOptions {
  /** A model folder. */
  readonly storage: Storage;
  readonly runtime: Runtime;
  /** For requests that name none; left out: as the folder and the model's family say. */
  readonly defaults?: Partial<GenerationDefaults>;
  /** Samplers of your own, of `defineSampler`, which the folder and requests may name. */
  readonly samplers?: readonly SamplerDefinition[];
  /** Images that go through the denoiser together; 1 when left out. */
  readonly batch?: number;
  /** [height, width] of the latents that graphs of one size were made for, where they do not say. */
  readonly sampleSize?: readonly [number, number] | undefined;
  /** Denoisers of several sizes, of which `loadDenoiser` gives the first; left out: one serves all sizes that it can. */
  readonly sizedDenoisers?: SizedDenoisers | undefined;
  /** Whether guidance runs both halves as one batch. */
  readonly halves?: Guidance['halves'];
  /** Looks at every request before it runs: may prepare the denoiser, return warnings, or throw to refuse it. */
  readonly beforeRun?: (plan: ResolvedRequest) => readonly string[] | Promise<readonly string[]>;
  readonly onWarning?: Warn;
  /** Milliseconds from any origin. */
  readonly now?: () => number;
}

/** A loaded model that makes pictures. Requests run one after another. */
export interface Generator {
  readonly folder: ModelFolder;
  readonly denoiser: Denoiser;
  readonly defaults: GenerationDefaults;
  /**
   * Makes images, one request after another.
   * @throws CacheQuantError `invalid-argument`, `unsupported` (no such sampler), `runtime`, `aborted`
   */
  generate(request: GenerationRequest): Promise<GenerationResult>;
  /**
   * Looks at a request as `generate` does, and runs nothing.
   * @returns what it warns of before it runs
   * @throws CacheQuantError `invalid-argument`, `unsupported`, `bundle`
   */
  check(request: GenerationRequest): Promise<readonly string[]>;
  /** Frees everything, once running requests are done. A later `generate` is refused. */
  dispose(): Promise<void>;
}

/**
 * Loads a model folder for making images.
 * @throws CacheQuantError as `openModelFolder`, and `runtime` when a graph cannot be loaded
 */
export async function createGenerator(options: GeneratorOptions): Promise<Generator> {
  const { storage, runtime, now = () => performance.now() } = options;
  const batch = checkBatch(options.batch ?? 1);
  const parts = await loadParts(storage, runtime, options);
  const { folder, denoiser } = parts;
  const { notes, ...ofFolder } = generationDefaults(folder, parts.family);
  const defaults = { ...ofFolder, ...options.defaults };
  const { steps, guidanceScale } = options.defaults ?? {};
  const guessed = steps === undefined || guidanceScale === undefined;
  const settings: Settings = { ...options, parts, defaults, notes: guessed ? notes : [], batch, now };
  let queue: Promise<unknown> = Promise.resolve();
  let disposed = false;

  return {
    folder,
    denoiser,
    defaults,
    generate(request) {
      const result = queue.then(() => {
        if (disposed) throw new CacheQuantError('invalid-argument', 'the generator was disposed');
        return generate(settings, request);
      });
      queue = result.catch(() => {});
      return result;
    },
    check: async (request) => (await planned(settings, request)).warnings,
    dispose() {
      const result = queue.then(() => {
        const first = !disposed;
        disposed = true;
        return first ? parts.dispose() : undefined;
      });
      queue = result.catch(() => {});
      return result;
    },
  };
}

interface Settings extends GeneratorOptions {
  readonly parts: GeneratorParts;
  readonly defaults: GenerationDefaults;
  /** On defaults that the folder was guessed to have. */
  readonly notes: readonly string[];
  readonly batch: number;
  readonly now: () => number;
}

/** A request that can be run. */
interface PlannedRequest {
  readonly jobs: readonly ImageJob[];
  readonly run: ImageRun;
  /** Grows while it runs. */
  readonly warnings: readonly string[];
  /** The number of the size, where there are several. */
  readonly size: number | undefined;
}

async function planned(settings: Settings, request: GenerationRequest): Promise<PlannedRequest> {
  const { parts, batch } = settings;
  checkRequest(request);
  throwIfAborted(request.signal);
  const model = { folder: parts.folder, inputs: parts.denoiser.conditioningInputs };
  const { takesText } = parts.family;
  const jobs = imageJobs(request, { takesText, classes: parts.family.classes?.(model) });
  const first = geometryOf(settings);
  const size = settings.sizedDenoisers && askedSize(settings.sizedDenoisers, first, request);
  const geometry = size === undefined ? first : atSize(first, settings.sizedDenoisers!.sizes[size]!);
  const asked = askedChange(request, geometry);
  const control = askedControl(request, parts.family.takesControl ?? false, settings.defaults.controlScale);
  requireControlSize(request, asked, control);
  const { width: givenWidth, height: givenHeight } = { ...request, ...control?.image, ...asked?.image };
  const shape = sampleShape(geometry, givenWidth, givenHeight);
  const sampler = requestedSampler(settings, request, shape);
  const { guided, embedsGuidance = false } = parts.family;
  const askedScale = request.guidanceScale ?? settings.defaults.guidanceScale;
  const guidanceScale = guided || embedsGuidance ? askedScale : 1;
  const part = askedPart(
    request,
    sampler,
    parts.folder.scheduler?.num_train_timesteps as number | undefined,
    shape,
  );
  if (part?.latents) requireOne(jobs);
  const firstCall = asked ? sampler.firstCall(asked.strength) : part?.firstCall;
  const { warn, note, warnings } = warningCollector(request.strict ?? false, settings.onWarning);
  parts.folder.warnings.forEach(note);
  if (request.steps === undefined || request.guidanceScale === undefined) settings.notes.forEach(note);
  const [height, width] = [shape[1] * parts.decoder.factor, shape[2] * parts.decoder.factor];
  const plan: ResolvedRequest = {
    sampler,
    guidanceScale,
    prompts: [...new Set(jobs.flatMap(({ prompt }) => prompt ?? []))],
    negativePrompt: request.negativePrompt ?? '',
    width,
    height,
    batch,
    firstCall: firstCall ?? 0,
    control,
  };
  noteTiles(settings, shape, note);
  const halvesScale = guided ? guidanceScale : 1;
  if (request.negativePrompt && !isGuided(halvesScale)) {
    const why = guided ? 'there is guidance at scales above 1 alone' : 'the model takes none';
    warn(`The negative prompt has no effect: ${why}.`);
  }
  for (const warning of (await settings.beforeRun?.(plan)) ?? []) warn(warning);
  const change =
    asked && (await encodeChange(asked, firstCall!, geometry, await parts.encoder(), request.signal));
  const run: ImageRun = {
    ...settings,
    request,
    sampler,
    guidanceScale,
    halvesScale,
    shape,
    width,
    height,
    geometry,
    change,
    control,
    part,
    warn,
  };
  return { jobs, run, warnings, size };
}

/** The picture's own size, of one that is changed, counts as asked for. */
function askedSize(
  denoisers: SizedDenoisers,
  { factor }: SampleGeometry,
  { width, height, image }: GenerationRequest,
): number {
  return chooseSize(denoisers, factor, { width: width ?? image?.width, height: height ?? image?.height });
}

/** What graphs of one size can make. */
function atSize(geometry: SampleGeometry, size: readonly [number, number]): SampleGeometry {
  return { ...geometry, native: size, fixed: size };
}

async function withSize(run: ImageRun, denoisers: SizedDenoisers, size: number): Promise<ImageRun> {
  return { ...run, parts: { ...run.parts, denoiser: await denoisers.load(size) } };
}

/** Tiles that nobody asked for are said, since they change the picture a little. */
function noteTiles({ parts, decodeTile = 'auto' }: Settings, shape: readonly number[], note: Warn): void {
  const tile = parts.decoder.tileFor(shape[1]!, shape[2]!);
  if (tile === undefined || decodeTile !== 'auto') return;
  note(
    `The picture is decoded in tiles of ${tile[1]}x${tile[0]} latents, since the whole takes too much memory or another ` +
      'size than the decoder has; its colours may differ a little.',
  );
}

/** All pictures of a request would be the same. */
function requireOne(jobs: readonly ImageJob[]): void {
  if (jobs.length === 1) return;
  throw new CacheQuantError('invalid-argument', 'the latents are of one picture', {
    where: 'latents',
    expected: 'one prompt and a count of 1',
    got: `${jobs.length} images`,
  });
}

async function generate(settings: Settings, request: GenerationRequest): Promise<GenerationResult> {
  const { now, batch } = settings;
  const startMs = now();
  const { jobs, warnings, size, ...found } = await planned(settings, request);
  const run = size === undefined ? found.run : await withSize(found.run, settings.sizedDenoisers!, size);
  const textEncoderMs = await encodeBefore(run, jobs, batch);
  const images: GeneratedImage[] = [];
  const runs: RunTiming[] = [];
  for (let start = 0; start < jobs.length; start += batch) {
    const done = await runImages(run, jobs.slice(start, start + batch), start, jobs.length);
    images.push(...done.images);
    runs.push(done.timing);
  }
  return { images, warnings, timings: { textEncoderMs, runs, totalMs: now() - startMs } };
}

/** Encodes a request's prompts, so that runs find them; warns before anything slow begins. */
async function encodeBefore(run: ImageRun, jobs: readonly ImageJob[], batch: number): Promise<number> {
  const startMs = run.now();
  for (let start = 0; start < jobs.length; start += batch) {
    await conditioningOf(run, jobs.slice(start, start + batch));
  }
  return run.now() - startMs;
}

function geometryOf({ parts, sampleSize }: Settings): SampleGeometry {
  const { denoiser, folder, decoder, family } = parts;
  const { sampleInput, furtherInput } = denoiser;
  const latentChannels = folder.vaeDecoder?.config.latent_channels;
  const { config } = folder.denoiser;
  const given: [number, number] | undefined = sampleSize && [...sampleSize];
  const native = given ?? config.sample_size ?? family.sampleSize;
  const sized = { ...config, ...(native && { sample_size: native }) };
  const geometry = sampleGeometry(sampleInput, sized, decoder.factor, latentChannels);
  const apart = furtherInput?.dims[1];
  return typeof apart === 'number' ? { ...geometry, further: apart } : geometry;
}

function requestedSampler(
  { parts, defaults, samplers }: Settings,
  request: GenerationRequest,
  shape: readonly [number, number, number],
): Sampler {
  const { denoiser, folder, family } = parts;
  const sampler = request.sampler ?? defaults.sampler;
  const options = {
    steps: request.steps ?? defaults.steps,
    ...(sampler !== undefined && { sampler }),
    ...(request.samplerOverrides && { overrides: request.samplerOverrides }),
    definitions: samplers,
  };
  const tokens = imageTokens(shape, denoiser.sampleInput, folder.denoiser.config);
  const layOut = (asked: SamplerOptions) =>
    layOutSampler(folder.scheduler ?? {}, asked, { ...family.sampling, imageTokens: tokens });
  const whole = layOut(options);
  const { timesteps } = defaults;
  const isDefault = options.steps === defaults.steps && request.samplerOverrides === undefined;
  if (timesteps === undefined || !isDefault) return whole;
  const usual = sampler === defaults.sampler ? whole : layOut({ ...options, sampler: defaults.sampler });
  return whole.name === usual.name ? layOut({ ...options, steps: timesteps.length, timesteps }) : whole;
}

function checkBatch(batch: number): number {
  if (Number.isInteger(batch) && batch > 0) return batch;
  throw new CacheQuantError('invalid-argument', 'the batch is not a number of images', {
    where: 'batch',
    expected: 'a whole number from 1',
    got: String(batch),
  });
}
