import type { Family } from './family.js';
import type { Prediction } from './prediction-type.js';

type Config = Record<string, unknown>;

/** The noise schedule of all these models. */
const NOISE = {
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  clip_sample: false,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  steps_offset: 1,
  trained_betas: null,
};

/**
 * The `scheduler_config.json` of a model.
 * Source: the schedulers in the repositories of Stable Diffusion 1.5, 2.1 and SDXL.
 */
export function schedulerConfig(family: Family, { type, zeroTerminalSnr }: Prediction): Config {
  // Without any signal at the end, the first step must start there.
  const end = zeroTerminalSnr ? { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' } : {};
  const common = { ...NOISE, prediction_type: type };
  if (family.startsWith('sdxl')) {
    return {
      _class_name: 'EulerDiscreteScheduler',
      ...common,
      interpolation_type: 'linear',
      sample_max_value: 1,
      skip_prk_steps: true,
      timestep_spacing: 'leading',
      use_karras_sigmas: false,
      ...end,
    };
  }
  // PNDM cannot start without signal.
  return zeroTerminalSnr || type === 'v_prediction'
    ? { _class_name: 'DDIMScheduler', ...common, ...end }
    : { _class_name: 'PNDMScheduler', ...common, skip_prk_steps: true };
}

const PIPELINES: Readonly<Record<'text' | 'inpaint' | 'edit', Readonly<Record<Family, string>>>> = {
  text: {
    sd1: 'StableDiffusionPipeline',
    sd2: 'StableDiffusionPipeline',
    sdxl: 'StableDiffusionXLPipeline',
    'sdxl-refiner': 'StableDiffusionXLImg2ImgPipeline',
  },
  inpaint: {
    sd1: 'StableDiffusionInpaintPipeline',
    sd2: 'StableDiffusionInpaintPipeline',
    sdxl: 'StableDiffusionXLInpaintPipeline',
    'sdxl-refiner': 'StableDiffusionXLInpaintPipeline',
  },
  edit: {
    sd1: 'StableDiffusionInstructPix2PixPipeline',
    sd2: 'StableDiffusionInstructPix2PixPipeline',
    sdxl: 'StableDiffusionXLInstructPix2PixPipeline',
    'sdxl-refiner': 'StableDiffusionXLInstructPix2PixPipeline',
  },
};

/** The `model_index.json`: which class each component is of, with `[null, null]` for those that the file lacks. */
export function modelIndex(
  family: Family,
  unet: Config | undefined,
  components: ReadonlySet<string>,
  scheduler: Config,
): Config {
  const channels = unet?.in_channels;
  const task = channels === 9 ? 'inpaint' : channels === 8 ? 'edit' : 'text';
  const entry = (name: string, library: string, className: unknown) => ({
    [name]: components.has(name) ? [library, className] : [null, null],
  });
  const second = family.startsWith('sdxl');
  return {
    _class_name: PIPELINES[task][family],
    ...(second ? { force_zeros_for_empty_prompt: family === 'sdxl' } : {}),
    ...(family === 'sdxl-refiner' ? { requires_aesthetics_score: true } : {}),
    scheduler: ['diffusers', scheduler._class_name],
    ...entry('text_encoder', 'transformers', 'CLIPTextModel'),
    ...(second ? entry('text_encoder_2', 'transformers', 'CLIPTextModelWithProjection') : {}),
    ...entry('unet', 'diffusers', 'UNet2DConditionModel'),
    ...entry('vae', 'diffusers', 'AutoencoderKL'),
  };
}
