import {
  createBundleGenerator,
  createGenerator,
  type GeneratorOptions,
  isBundle,
  type ModelFolder,
  openModelFolder,
  readManifest,
} from '@cachequant/pipeline';
import { changedSize, vaeFactor } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Runtime, type Storage } from '@cachequant/tensor';
import type { LoadedModel, ServedModel } from './served-model.js';

/** A model to serve, and where it lies. */
export interface ModelPlace {
  /** The name that requests call it by. */
  readonly id: string;
  /** A bundle or a model folder. */
  readonly storage: Storage;
  /** Starts a runtime for this model alone; it is disposed with the model, so its memory is given back. */
  readonly openRuntime: () => Promise<Runtime>;
  /** What makes the pictures, and how; see `GeneratorOptions`. */
  readonly decoder?: GeneratorOptions['decoder'];
  readonly decodeTile?: GeneratorOptions['decodeTile'];
  readonly tinyDecoder?: GeneratorOptions['tinyDecoder'];
}

/**
 * Offers a bundle or a model folder. Its configuration is read; its networks are not loaded yet.
 * @throws CacheQuantError as `readManifest` and `openModelFolder`
 */
export async function serveModel({ id, storage, openRuntime, ...decoding }: ModelPlace): Promise<ServedModel> {
  const manifest = (await isBundle(storage)) ? await readManifest(storage) : undefined;
  refuseControlNet(await openModelFolder(storage), id);
  return {
    id,
    bytes: await bytesIn(storage),
    created: Math.floor((manifest ? Date.parse(manifest.createdAt) : Date.now()) / 1000),
    open: () => openModel(storage, openRuntime, decoding),
  };
}

/** No interface that is served has a word for a control image, without which such a model draws nothing. */
function refuseControlNet({ controlNet }: ModelFolder, id: string): void {
  if (controlNet === undefined) return;
  throw new CacheQuantError('unsupported', 'a model with a ControlNet is not served', {
    where: `model ${id}`,
    expected: 'a model that draws without a control image',
    hint: 'Serve the model without it; `cachequant generate --control-image` draws with it',
  });
}

async function openModel(
  storage: Storage,
  openRuntime: ModelPlace['openRuntime'],
  decoding: Pick<GeneratorOptions, 'decoder' | 'decodeTile' | 'tinyDecoder'>,
): Promise<LoadedModel> {
  const runtime = await openRuntime();
  try {
    const bundle = await isBundle(storage);
    const generator = await (bundle ? createBundleGenerator : createGenerator)({ storage, runtime, ...decoding });
    const { textEncoder, vaeDecoder, tinyDecoder } = generator.folder;
    return {
      generator: {
        defaults: generator.defaults,
        generate: (request) => generator.generate(request),
        dispose: async () => {
          await generator.dispose();
          await runtime.dispose();
        },
      },
      takesText: textEncoder !== undefined,
      hasTinyDecoder: tinyDecoder !== undefined || decoding.decoder === 'tiny',
      preview: bundle ? (await readManifest(storage)).preview : undefined,
      pixelsPerLatent: vaeDecoder ? vaeFactor(vaeDecoder.config) : 1,
      sizeFor: (natural, asked) => changedSize(generator, natural, asked),
    };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}

async function bytesIn(storage: Storage): Promise<number> {
  const sizes = await Promise.all((await storage.list()).map((path) => storage.stat(path)));
  return sizes.reduce((sum, found) => sum + (found?.size ?? 0), 0);
}
