import { type PackedWeight, packWeight } from '@cachequant/quantizer';
import type { LayerChoice, LayerTimes } from './decision.js';
import { type DominanceQuestion, dominantLayers } from './dominant-layers.js';
import { keepForQuality } from './keep-for-quality.js';
import type { LayerExperiment } from './layer-experiment.js';
import { type NetworkErrors, networkErrors } from './network-errors.js';
import { slowerLayers } from './slower-layers.js';
import { wholeTimes } from './whole-times.js';

/**
 * Layers that whole-network runs confirm, and for how long others follow where the floor is not reached: the error of
 * a layer by itself says little about what it does to the network.
 */
const CONFIRMED = 10;
const CONFIRM_MS = 120_000;
/** Measurements that find one layer of hundreds, and those that are made however long they take. */
const DOMINANT_RUNS = 20;
const LEAST_DOMINANT_RUNS = 6;
/** Storing weights as integers may cost the network this many decibels. */
const HARMLESS_DB = 0.1;
/** Share of the multiply-adds up to which a layer is kept in float for what it alone costs. */
const SMALL_SHARE = 0.1;
/** Times of the whole network that differ by less are the same. */
const NOISE = 1.01;

/**
 * Decides which layers stay in float: first those that are slower in integers, then, worst first, those that keep
 * the network below its quality floor.
 * @param errors local signal to noise by layer, in decibels
 */
export async function chooseLayers(
  experiment: LayerExperiment,
  times: Readonly<Record<string, LayerTimes>>,
  errors: Readonly<Record<string, number>>,
): Promise<LayerChoice> {
  const network = await networkErrors(experiment);
  const allInteger = await network.of(new Set());
  const { slow, wholeMs } = await chooseFaster(experiment, times);
  const base = slow.length > 0 ? await network.of(new Set(slow)) : allInteger;
  const floor = experiment.context.recipe.qualityFloor;
  const ranked = Object.keys(errors)
    .filter((id) => !slow.includes(id))
    .sort((a, b) => errors[a]! - errors[b]!);
  const measure = (ids: readonly string[]) => network.of(new Set([...slow, ...ids]));
  const inexact = await confirm(experiment, network, { ranked, slow, reached: base >= floor });
  const unseen = ranked.slice(inexact.length);
  const confirmed = [...inexact, ...(await findDominant(experiment, { ids: unseen, base, measure }))];
  const { layerMacs, totalMacs } = experiment.graph;
  const { kept, networkDb } = await keepForQuality({
    floor,
    base,
    confirmed,
    isSmall: (id) => (layerMacs.get(id) ?? 0) <= SMALL_SHARE * totalMacs,
    measure,
  });
  const stored = await storedErrors(experiment, network, slow, kept);
  const sensitiveStored = stored !== undefined && stored >= networkDb - HARMLESS_DB;
  const chosen = sensitiveStored ? stored : networkDb;
  return {
    slow,
    sensitive: kept,
    sensitiveStored,
    wholeMs,
    networkDb: { allInteger, chosen },
    confirmed,
  };
}

/** Runs the network with one layer in float at a time, the least exact first. */
async function confirm(
  { context }: LayerExperiment,
  network: NetworkErrors,
  {
    ranked,
    slow,
    reached,
  }: { readonly ranked: readonly string[]; readonly slow: readonly string[]; readonly reached: boolean },
): Promise<LayerChoice['confirmed']> {
  const confirmed: { id: string; networkDb: number }[] = [];
  const start = performance.now();
  for (const [done, id] of ranked.entries()) {
    const late = performance.now() - start > CONFIRM_MS;
    if (done >= CONFIRMED && (reached || late)) break;
    context.onProgress?.(done, reached ? CONFIRMED : ranked.length);
    confirmed.push({ id, networkDb: await network.of(new Set([...slow, id])) });
  }
  return confirmed;
}

/** Looks for layers among those that seem exact by themselves and yet harm the network. */
function findDominant(
  { context }: LayerExperiment,
  question: Omit<DominanceQuestion, 'goOn'>,
): Promise<LayerChoice['confirmed']> {
  const start = performance.now();
  return dominantLayers({
    ...question,
    goOn: (measured) => {
      context.onProgress?.(Math.min(measured, DOMINANT_RUNS), DOMINANT_RUNS);
      return measured < LEAST_DOMINANT_RUNS || performance.now() - start <= CONFIRM_MS;
    },
  });
}

/** Takes layers back to float unless the whole network gets slower by it, whatever single layers measured. */
async function chooseFaster(
  experiment: LayerExperiment,
  times: Readonly<Record<string, LayerTimes>>,
): Promise<Pick<LayerChoice, 'slow' | 'wholeMs'>> {
  const slow = slowerLayers(times);
  if (slow.length === 0) return { slow, wholeMs: undefined };
  const wholeMs = await wholeTimes(experiment, new Set(slow));
  return { slow: wholeMs.ratio <= NOISE ? slow : [], wholeMs };
}

/** The network's signal to noise with the weights of sensitive layers stored as integers. */
async function storedErrors(
  { graph }: LayerExperiment,
  network: NetworkErrors,
  slow: readonly string[],
  sensitive: readonly string[],
): Promise<number | undefined> {
  if (sensitive.length === 0) return undefined;
  const stored = new Map<string, PackedWeight>();
  for (const layer of graph.layers.filter(({ id }) => sensitive.includes(id))) {
    stored.set(
      layer.id,
      await packWeight(layer, {
        bits: 8,
        purpose: 'storage',
        sink: async ({ data }) => data,
      }),
    );
  }
  return network.of(new Set([...slow, ...sensitive]), stored);
}
