import type { SchedulerConfig } from './component-configs.js';

/** Pipelines of diffusers that set these two fields for latents, whatever the file says. */
const PIPELINES = new Set([
  'StableDiffusionPipeline',
  'StableDiffusionImg2ImgPipeline',
  'StableDiffusionPAGPipeline',
  'StableDiffusionPAGImg2ImgPipeline',
  'StableDiffusionPAGInpaintPipeline',
  'OnnxStableDiffusionPipeline',
  'ORTStableDiffusionPipeline',
]);

/** Classes whose default, made for pixels, clips the predicted clean sample. */
const CLIPPING = new Set(['DDIMScheduler', 'DDPMScheduler', 'LCMScheduler', 'TCDScheduler']);

/** Classes whose default counts timesteps from the first, so that an offset shifts them. */
const LEADING = new Set(['DDIMScheduler', 'DDPMScheduler', 'LCMScheduler', 'PNDMScheduler', 'TCDScheduler']);

/** A scheduler's configuration as its pipeline uses it, and what the pipeline changed. */
export interface PipelineScheduler {
  readonly config: SchedulerConfig;
  readonly warnings: readonly string[];
}

/**
 * The configuration that diffusers' pipeline works with: Stable Diffusion's sets `clip_sample` to false and
 * `steps_offset` to 1, because old folders leave them out, and the defaults of the classes are made for pixels.
 *
 * Source: `StableDiffusionPipeline.__init__` of diffusers 0.42. Differs: says it only where it changes the result.
 * @param pipeline `_class_name` of `model_index.json`
 */
export function pipelineScheduler(config: SchedulerConfig, pipeline: string | undefined): PipelineScheduler {
  if (pipeline === undefined || !PIPELINES.has(pipeline)) return { config, warnings: [] };
  const name = config._class_name ?? '';
  const clips = config.clip_sample === true || (config.clip_sample === undefined && CLIPPING.has(name));
  const leads = config.timestep_spacing === 'leading' || (!config.timestep_spacing && LEADING.has(name));
  const said = (field: string) =>
    config[field] === undefined ? `leaves out ${field}` : `says ${field}: ${String(config[field])}`;
  const changed = (field: string, value: string) =>
    `scheduler_config.json ${said(field)}; it is taken as ${value}, as ${pipeline} of diffusers does.`;
  return {
    config: { ...config, ...(clips && { clip_sample: false }), steps_offset: 1 },
    warnings: [
      ...(clips ? [changed('clip_sample', 'false')] : []),
      ...(leads && config.steps_offset !== 1 ? [changed('steps_offset', '1')] : []),
    ],
  };
}
