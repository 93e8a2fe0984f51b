/** The denoiser's input for what the first layers of a ControlNet make of the control image, [B, C, h, w]. */
export const CONTROL_EMBEDDING = 'controlnet_cond_embedding';

/** The denoiser's input for the factors of a ControlNet's residuals, [B, R], in their order. */
export const CONTROL_SCALES = 'controlnet_conditioning_scale';
