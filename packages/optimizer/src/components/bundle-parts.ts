import {
  loadGraph,
  type ModelFolder,
  PromptEncoder,
  readTokenizer,
  vaeDecoder,
} from '@cachequant/pipeline/internals';
import type { Laboratory, PreparedImage } from '../laboratory.js';
import { type ComponentDecision, type ComponentName, componentFolder } from './component.js';

/** Decoder and text encoder as the bundle will have them. */
export interface BundleParts {
  readonly toPicture: Laboratory['toPicture'];
  /** The image with its prompts encoded anew. */
  encode(image: PreparedImage): Promise<PreparedImage>;
  dispose(): Promise<void>;
}

/** Loads the parts that differ from those of the source; the others are the laboratory's own. */
export async function openParts(
  lab: Laboratory,
  folder: ModelFolder,
  components: readonly ComponentDecision[],
): Promise<BundleParts> {
  const load = async (name: ComponentName) => {
    const decision = components.find((each) => each.name === name && each.form !== 'as in the source');
    return decision && loadGraph(lab.runtime, lab.work, `${componentFolder(name, decision.form)}/model.onnx`);
  };
  const decoderSession = await load('vae_decoder');
  const decoder = decoderSession && vaeDecoder(decoderSession, folder.vaeDecoder!.config);
  // Conditioning that was given is not this encoder's to replace.
  const encoderSession = lab.textEncoderMs > 0 ? await load('text_encoder') : undefined;
  const length = folder.textEncoder?.config.max_position_embeddings ?? undefined;
  const encoder =
    encoderSession &&
    new PromptEncoder(encoderSession, await readTokenizer(folder.storage, folder.tokenizer!, length));
  return {
    toPicture: decoder ? async (latents) => (await decoder.decode(latents))[0]! : lab.toPicture,
    encode: encoder ? (image) => encodeAnew(lab, encoder, image) : async (image) => image,
    dispose: async () => {
      await Promise.all([decoder?.dispose(), encoder?.dispose()]);
    },
  };
}

async function encodeAnew(
  lab: Laboratory,
  encoder: PromptEncoder,
  image: PreparedImage,
): Promise<PreparedImage> {
  const [name] = Object.keys(image.conditioning);
  if (name === undefined) return image;
  const encode = async (text: string) => ({ [name]: (await encoder.encode(text, lab.signal)).hiddenStates });
  return {
    ...image,
    conditioning: await encode(image.prompt),
    unconditional: image.unconditional && (await encode(lab.recipe.negativePrompt)),
  };
}
