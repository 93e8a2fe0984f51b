/** Where a model folder has a ControlNet, as diffusers saves it. */
export const CONTROL_FOLDER = 'controlnet';

/** Where the layers lie that its image goes through once; bundles have them there too. */
export const CONTROL_EMBEDDING_FOLDER = 'controlnet_cond_embedding';
