import { CacheQuantError, type Runtime } from '@cachequant/tensor';
import { loadGraph } from '../model/load-graph.js';
import type {
  ConditionedModel,
  ConditioningEncoder,
  ConditioningFamily,
  OpenConditioningContext,
} from './conditioning-encoder.js';
import { classEmbeddingFamily } from './families/class-embedding.js';
import { CONTROLLED_FAMILIES } from './families/controlled.js';
import { ditFamily } from './families/dit.js';
import { fluxFamily, fluxSchnellFamily } from './families/flux.js';
import { givenInputsFamilies } from './families/given-inputs.js';
import { latentConsistencyFamily, latentConsistencySdxlFamily } from './families/latent-consistency.js';
import { pixArtAlphaFamily, pixArtSigmaFamily } from './families/pixart.js';
import { sd3Family } from './families/sd3.js';
import { sdxlFamily } from './families/sdxl.js';
import { sdxlRefinerFamily } from './families/sdxl-refiner.js';
import { textFamily } from './families/text.js';
import { unconditionalFamily } from './families/unconditional.js';
import { knownExtension } from './known-extensions.js';

/** The families that are known without being given. */
const CONDITIONING_FAMILIES: readonly ConditioningFamily[] = [
  ...givenInputsFamilies,
  textFamily,
  sdxlFamily,
  sdxlRefinerFamily,
  latentConsistencyFamily,
  latentConsistencySdxlFamily,
  ...CONTROLLED_FAMILIES,
  sd3Family,
  fluxFamily,
  fluxSchnellFamily,
  pixArtAlphaFamily,
  pixArtSigmaFamily,
  ditFamily,
  classEmbeddingFamily,
  unconditionalFamily,
];

/** The family of a model, by its folder and the denoiser's inputs; undefined when none accepts it. */
export function findConditioningFamily(
  model: ConditionedModel,
  families: readonly ConditioningFamily[] = [],
): ConditioningFamily | undefined {
  return [...families, ...CONDITIONING_FAMILIES].find((family) => family.accepts(model));
}

/**
 * As {@link findConditioningFamily}.
 * @param families given ones are asked before those that are known
 * @throws CacheQuantError `unsupported` when none accepts it
 */
export function conditioningFamily(
  model: ConditionedModel,
  families: readonly ConditioningFamily[] = [],
): ConditioningFamily {
  const found = findConditioningFamily(model, families);
  if (found) return found;
  const { textEncoder } = model.folder;
  const extension = knownExtension(model.inputs.map(({ name }) => name));
  throw new CacheQuantError(
    'unsupported',
    extension
      ? `the denoiser wants ${extension.what}`
      : 'the denoiser has conditioning inputs that no model family feeds',
    {
      where: 'denoiser inputs',
      expected: textEncoder ? 'one input for the hidden states of a prompt' : 'none without a text encoder',
      got: model.inputs.map(({ name }) => name).join(', ') || 'none',
      hint: extension?.hint ?? 'Give the family in `families`, or conditioning of your own to sampleLatents.',
    },
  );
}

/**
 * Loads what makes a model's conditioning.
 * @param load in place of the runtime's own, for parts that lie elsewhere
 */
export async function openConditioning(
  model: ConditionedModel &
    Pick<OpenConditioningContext, 'prompts'> & { readonly family: ConditioningFamily },
  runtime: Runtime,
  load: OpenConditioningContext['load'] = (path, change) =>
    loadGraph(runtime, model.folder.storage, path, change && { change }),
): Promise<ConditioningEncoder> {
  return model.family.open({ ...model, load });
}
