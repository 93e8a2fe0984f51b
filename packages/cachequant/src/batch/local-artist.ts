import { encodePng, type Generator } from '@cachequant/pipeline';
import { CacheQuantError, type Runtime } from '@cachequant/tensor';
import type { ModelIdentity } from '../model-sources/model-identity.js';
import { requestFor } from '../options/generation-options.js';
import { metadataText, pictureMetadata } from '../pictures/picture-metadata.js';
import type { LineRequest } from './prompt-lines.js';
import type { Artist } from './run-batch.js';

export interface LocalArtistOptions {
  readonly identity: ModelIdentity;
  readonly openRuntime: () => Promise<Runtime>;
  readonly openGenerator: (runtime: Runtime) => Promise<Generator>;
  /** Whether files say how they were made. */
  readonly metadata: boolean;
  /** Whether warnings are errors. */
  readonly strict: boolean;
}

/** Draws in this process, one picture after another. */
export interface LocalArtist extends Artist {
  /** The model, loaded. */
  generator(): Promise<Generator>;
  dispose(): Promise<void>;
}

/** Opens its model when it is first needed, and again after the runtime has failed. */
export function localArtist(options: LocalArtistOptions): LocalArtist {
  const { identity, metadata, strict } = options;
  let opened: { readonly runtime: Runtime; readonly generator: Generator } | undefined;
  const generator = async () => {
    if (opened === undefined) {
      const runtime = await options.openRuntime();
      try {
        opened = { runtime, generator: await options.openGenerator(runtime) };
      } catch (error) {
        await runtime.dispose();
        throw error;
      }
    }
    return opened.generator;
  };
  const dispose = async () => {
    const { generator, runtime } = opened ?? {};
    opened = undefined;
    await generator?.dispose();
    await runtime?.dispose();
  };
  const draw = async (request: LineRequest, signal: AbortSignal) => {
    const drawer = await generator();
    const { defaults } = drawer;
    const { images, warnings, timings } = await drawer.generate({
      ...requestFor({ prompt: request.prompt, seed: request.seed }, { ...request, strict }),
      signal,
    });
    const image = images[0]!;
    const run = {
      model: identity.model,
      sampler: request.sampler ?? defaults.sampler ?? identity.sampler,
      steps: request.steps ?? defaults.steps,
      guidanceScale: request.guidanceScale ?? defaults.guidanceScale,
      negativePrompt: request.negativePrompt,
    };
    const text = metadata
      ? metadataText(pictureMetadata(run, { prompt: request.prompt, seed: request.seed }, image))
      : undefined;
    return {
      ...{ width: image.width, height: image.height, warnings, seconds: timings.totalMs / 1000 },
      file: encodePng(image, text),
    };
  };
  return {
    fingerprint: identity.model.fingerprint,
    atOnce: 1,
    generator,
    dispose,
    async draw(request, signal) {
      try {
        return await draw(request, signal);
      } catch (error) {
        if (!CacheQuantError.is(error) || error.code !== 'runtime') throw error;
        await dispose().catch(() => {});
        return draw(request, signal);
      }
    },
  };
}
