import type { RgbImage } from '@cachequant/evaluate';
import type { Session, TensorInfo } from '@cachequant/tensor';
import type { Conditioning } from '../denoise/denoiser.js';
import type { SamplerLayout } from '../model/lay-out-sampler.js';
import type { ChangeGraph } from '../model/load-graph.js';
import type { ModelFolder } from '../model/model-folder.js';
import type { PromptOptions } from './prompt-options.js';
import type { ConditioningRecipe } from './recipe/conditioning-recipe.js';
import type { Warn } from './warnings.js';

/** What a ControlNet is told. */
export interface Control {
  /** Edges, depths, a pose or whatever it was trained on; of the picture's size. */
  readonly image: RgbImage;
  /** What its residuals are multiplied with (`controlnet_conditioning_scale` in diffusers). */
  readonly scale: number;
  /** Whether the unconditional half does not follow, and shallow residuals count less; no unless given. */
  readonly guessMode?: boolean | undefined;
}

/** What a picture is asked to be, as far as a denoiser can be conditioned on it. */
export interface ConditioningRequest {
  /** Undefined for a model that takes no text. */
  readonly prompt: string | undefined;
  /** What the picture should be far from; empty when left out. */
  readonly negativePrompt?: string | undefined;
  /** Of a model that draws classes, from 0. */
  readonly classLabel?: number | undefined;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** For models that take it as an input; left out: the family's own. */
  readonly guidanceScale?: number | undefined;
  /** For models that follow a ControlNet, which need it. */
  readonly control?: Control | undefined;
  /** Other prompts of the same batch, whose conditioning has to have the same shape. */
  readonly companions?: readonly string[];
}

export interface EncodeOptions {
  readonly warn?: Warn;
  readonly signal?: AbortSignal | undefined;
}

/** Makes what a denoiser is conditioned on out of a request. It owns the sessions of its text encoders. */
export interface ConditioningEncoder {
  /**
   * Conditioning of one picture: tensors [1, …] by the names of the denoiser's inputs.
   * @param half of classifier-free guidance
   * @throws CacheQuantError `runtime`, `unsupported`, `aborted`, and whatever `warn` throws
   */
  encode(
    request: ConditioningRequest,
    half: 'conditional' | 'unconditional',
    options?: EncodeOptions,
  ): Promise<Conditioning>;
  dispose(): Promise<void>;
}

/** A denoiser and its folder, as far as a family is told by them. */
export interface ConditionedModel {
  readonly folder: ModelFolder;
  /** The denoiser's inputs beside the sample, the timestep and what a cache feeds. */
  readonly inputs: readonly TensorInfo[];
}

/** What a family of conditioning opens its encoder with. */
export interface OpenConditioningContext extends ConditionedModel {
  /** Loads the graph at a path of the folder, or what takes its place, with a change; the encoder disposes it. */
  readonly load: (path: string, change?: ChangeGraph) => Promise<Session>;
  /** Left out: as the model's own pipeline reads prompts. */
  readonly prompts?: PromptOptions | undefined;
}

/**
 * A family of models that are conditioned alike. A new family is a new file with one of these: nothing else asks which
 * family a model is of.
 */
export interface ConditioningFamily {
  readonly name: string;
  /** Whether requests have a prompt. */
  readonly takesText: boolean;
  /** Whether there is an unconditional half, which guidance needs. */
  readonly guided: boolean;
  /** Whether the guidance scale is an input of the denoiser, in place of an unconditional half; left out: no. */
  readonly embedsGuidance?: boolean;
  /** Whether requests have a control image; left out: no. */
  readonly takesControl?: boolean;
  /** For folders and requests that name none; left out: 50 steps and a guidance scale of 7.5. */
  readonly defaults?: { readonly steps?: number; readonly guidanceScale?: number };
  /** Height and width of the latents for which it was trained, where `config.json` does not say. */
  readonly sampleSize?: number;
  /** How runs are laid out for its models; left out: as the sampler's configuration says. */
  readonly sampling?: Pick<SamplerLayout, 'evenSigmas' | 'timestepScale'>;
  /** How many classes a model draws, where requests name one of them; left out: they do not. */
  classes?(model: ConditionedModel): number;
  /** Whether a model is of this family; at most one family of a list may say so. */
  accepts(model: ConditionedModel): boolean;
  open(context: OpenConditioningContext): Promise<ConditioningEncoder>;
  /**
   * What its models are conditioned on, as data, for bundles: these then run wherever recipes are read, without the family.
   * Left out for a family that is code: whoever opens its bundles gives it in `families`.
   */
  describe?(model: ConditionedModel): ConditioningRecipe;
}
