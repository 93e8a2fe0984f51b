import type { BundleManifest } from '@cachequant/pipeline';
import type { Runtime, Storage } from '@cachequant/tensor';

/** A bundle of ours in a runtime. */
export interface OurWay {
  /** As results call it. */
  readonly name: string;
  readonly bundle: Storage;
  readonly manifest: BundleManifest;
  readonly runtime: Runtime;
  /** The runtime as results call it. */
  readonly runtimeName: string;
}

export const OURS = 'CacheQuant';
export const OURS_IN_OPENVINO = `${OURS} in OpenVINO`;
