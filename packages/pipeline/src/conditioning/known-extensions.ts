/** What a denoiser's further inputs are for, and what to do about them. */
export interface KnownExtension {
  readonly what: string;
  readonly hint: string;
}

const EXTENSIONS: readonly (readonly [pattern: RegExp, what: string, hint: string])[] = [
  [
    /^(down_block|mid_block)|^controlnet_cond/,
    'the residuals of a ControlNet',
    'Put the ControlNet beside it, as controlnet/',
  ],
  [
    /^timestep_cond$/,
    'the guidance scale of a latent consistency model, with other inputs than such a model has',
    'Give the family in `families`',
  ],
  [/^(image_embeds|ip_adapter.*)$/, 'an image prompt', 'Export the U-Net without an IP adapter'],
  [
    /^(text_embeds|time_ids)$/,
    'the second text encoder of SDXL, with other inputs than SDXL has',
    'Give the family in `families`',
  ],
  [/^class_labels$/, 'a class', 'Give the family in `families`, or class_labels to sampleLatents'],
];

/** The extension that one of the inputs belongs to, where it is a known one. */
export function knownExtension(inputs: readonly string[]): KnownExtension | undefined {
  const found = EXTENSIONS.find(([pattern]) => inputs.some((name) => pattern.test(name)));
  return found && { what: found[1], hint: found[2] };
}
