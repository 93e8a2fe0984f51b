import { type PackedWeight, packWeight } from '@cachequant/quantizer';
import type { LayerChoice, LayerTimes } from './decision.js';
import { keepForQuality } from './keep-for-quality.js';
import type { LayerExperiment } from './layer-experiment.js';
import { layerNoises, type NoiseGroup, type NoiseQuestion } from './layer-noises.js';
import { type NetworkErrors, networkErrors } from './network-errors.js';
import { pictureShares } from './picture-shares.js';
import { decibelsOf } from './signal-to-noise.js';
import { slowerLayers } from './slower-layers.js';
import { wholeTimes } from './whole-times.js';

/** Measurements that find the layers that add most noise: for how long, and those that are made however long they take. */
const NOISE_MS = 120_000;
const MOST_NOISE_RUNS = 120;
const LEAST_NOISE_RUNS = 6;
/** Storing weights as integers may cost the network this many decibels. */
const HARMLESS_DB = 1;
/** Times of the whole network that differ by less are the same. */
const NOISE = 1.01;

/**
 * Decides which layers stay in float: those that are slower in integers, and those whose noise in the network's
 * prediction costs more than their time in float does, or keeps it below its floor.
 */
export async function chooseLayers(
  experiment: LayerExperiment,
  times: Readonly<Record<string, LayerTimes>>,
): Promise<LayerChoice> {
  const network = await networkErrors(experiment);
  const allInteger = await network.of(new Set());
  const { slow, wholeMs } = await chooseFaster(experiment, times);
  const base = slow.length > 0 ? await network.of(new Set(slow)) : allInteger;
  const ids = [...experiment.packed.compute.keys()];
  const groups = await findNoises(experiment, {
    ids: ids.filter((id) => !slow.includes(id)),
    base,
    measure: (group) => network.only(new Set(group)),
  });
  const shareOf = pictureShares(experiment, ids, times);
  const { kept, networkDb } = await keepForQuality({
    groups,
    costOf: (group) => group.ids.reduce((sum, id) => sum + shareOf(id), 0),
    floor: experiment.context.recipe.qualityFloor,
    base,
    measure: (inFloat) => network.of(new Set([...slow, ...inFloat])),
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
    noisiest: groups
      .filter((group) => group.ids.length === 1)
      .sort((a, b) => b.noise - a.noise)
      .map((group) => ({ id: group.ids[0]!, networkDb: decibelsOf(group.noise) })),
  };
}

/** What the layers add to the noise of the prediction, each by itself where it is much. */
function findNoises(
  { context }: LayerExperiment,
  question: Omit<NoiseQuestion, 'goOn'>,
): Promise<NoiseGroup[]> {
  const start = performance.now();
  return layerNoises({
    ...question,
    goOn: (measured) => {
      context.onProgress?.(Math.min(measured, MOST_NOISE_RUNS), MOST_NOISE_RUNS);
      const early = measured < MOST_NOISE_RUNS && performance.now() - start <= NOISE_MS;
      return early || measured < LEAST_NOISE_RUNS;
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
