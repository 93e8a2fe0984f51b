import { loadGraph, type ModelFolder, openConditioning } from '@cachequant/pipeline';
import { type ChangeGraph, vaeDecoder } from '@cachequant/pipeline/internals';
import type { CalibrationContext, PreparedImage } from '../calibration-context.js';
import { imageEncoder } from '../prepare/image-conditioning.js';
import { withText } from '../prepare/inpainting-inputs.js';
import { type ComponentDecision, type ComponentName, componentFolder } from './component.js';

/** Decoder and text encoder as the bundle will have them. */
export interface BundleParts {
  readonly toPicture: CalibrationContext['toPicture'];
  /** The image with its prompts encoded again. */
  encode(image: PreparedImage): Promise<PreparedImage>;
  dispose(): Promise<void>;
}

/** Loads the parts that differ from those of the source; the others are the calibration context's own. */
export async function openParts(
  context: CalibrationContext,
  folder: ModelFolder,
  components: readonly ComponentDecision[],
): Promise<BundleParts> {
  const replaced = (name: ComponentName) =>
    components.find((each) => each.name === name && each.form !== 'as in the source');
  const load = ({ name, form }: ComponentDecision, change?: ChangeGraph) =>
    loadGraph(
      context.runtime,
      context.work,
      `${componentFolder(name, form)}/model.onnx`,
      change && { change },
    );
  const newDecoder = replaced('vae_decoder');
  const decoder = newDecoder && vaeDecoder(await load(newDecoder), folder.vaeDecoder!.config);
  const newEncoder = replaced('text_encoder');
  // Conditioning that was given is not this encoder's to replace.
  const { conditioning } = context;
  const encoder =
    newEncoder &&
    conditioning &&
    (await openConditioning(conditioning, context.runtime, (path, change) =>
      path === folder.textEncoder?.model
        ? load(newEncoder, change)
        : loadGraph(context.runtime, folder.storage, path, change && { change }),
    ));
  const encode = encoder && imageEncoder(conditioning!, encoder, context.signal);
  return {
    toPicture: decoder ? async (latents) => (await decoder.decode(latents))[0]! : context.toPicture,
    encode: encode ? async (image) => withText(image, await encode(image)) : async (image) => image,
    dispose: async () => {
      await Promise.all([decoder?.dispose(), encoder?.dispose()]);
    },
  };
}
