import type { Part } from '@cachequant/architectures';

/** A part of a pipeline, as diffusers saves it, and the folders in which exporters put its graphs. */
export interface CheckpointPart {
  readonly folder: string;
  readonly graphs: readonly { readonly folder: string; readonly part: Part }[];
}
