import { z } from 'zod';
import type { ServerLimits } from '../limits.js';
import { samplerOf } from './samplers.js';

function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A switch of something that is not here: clients send it, turned off. */
function off(what: string) {
  return optional(z.literal(false, { error: `there is no ${what} here; leave it off` }));
}

/**
 * The body of POST /sdapi/v1/txt2img. Clients send dozens of fields: those that would change the picture and cannot be
 * served are refused when they are turned on, all others are ignored, as there.
 */
export function textToImageSchema({ promptCharacters, pictures, steps, pixels }: ServerLimits) {
  const text = z.string().max(promptCharacters);
  const side = z.int().min(1).max(pixels);
  return z
    .object({
      prompt: text.default(''),
      negative_prompt: optional(text),
      seed: optional(
        z
          .int()
          .min(-1)
          .max(2 ** 53 - 1 - 1000),
      ).describe('-1 and left out: any'),
      steps: optional(z.int().min(1).max(steps)).describe('Left out: the model’s'),
      cfg_scale: optional(z.number().min(0).max(100)).describe('Guidance scale; left out: the model’s'),
      width: optional(side),
      height: optional(side),
      batch_size: optional(z.int().min(1).max(pictures)),
      n_iter: optional(z.int().min(1).max(pictures)),
      sampler_name: optional(
        z.string().refine((name) => name === '' || samplerOf(name) !== undefined, 'there is no such sampler'),
      ).describe('Left out: the model’s; a bundle refuses samplers of other network calls'),
      override_settings: optional(z.object({ sd_model_checkpoint: optional(z.string()) })),
      enable_hr: off('high-resolution pass'),
      restore_faces: off('restoration of faces'),
      tiling: off('tiling'),
      script_name: optional(z.literal('', { error: 'there are no scripts here' })),
      styles: optional(z.array(z.string()).max(0, 'there are no styles here')),
      alwayson_scripts: optional(
        z.record(z.string(), z.unknown()).refine((scripts) => Object.keys(scripts).length === 0, {
          error: 'there are no scripts here',
        }),
      ),
    })
    .refine(({ batch_size = 1, n_iter = 1 }) => batch_size * n_iter <= pictures, {
      path: ['n_iter'],
      error: `expected batch_size times n_iter to be at most ${pictures}`,
    })
    .refine(({ width = 1, height = 1 }) => width * height <= pixels, {
      path: ['width'],
      error: `expected width times height to be at most ${pixels}`,
    });
}

export type TextToImageBody = z.output<ReturnType<typeof textToImageSchema>>;
