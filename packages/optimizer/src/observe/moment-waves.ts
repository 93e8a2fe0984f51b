import type { TensorFacts } from '@cachequant/onnx';
import {
  inputBlocks,
  type Layer,
  layerPatches,
  type MomentSite,
  secondMomentBytes,
} from '@cachequant/quantizer';

/**
 * Inputs of a layer whose second moments with one another are kept; wider layers are divided into blocks. Twice as
 * many gained 0.4 dB in a layer of 2304 inputs, for twice the memory and four times the time; half as many lost 0.9.
 */
export const LARGEST_BLOCK = 1152;

/** Second moments that are in memory at once, those of even and of odd images together. */
const MEMORY_BYTES = 512 * 2 ** 20;

/** Layers whose inputs are observed in one pass, and where these inputs are. */
export interface MomentWave {
  readonly sites: readonly MomentSite[];
  /** By layer id: the index of its site. */
  readonly siteOf: ReadonlyMap<string, number>;
}

/**
 * Divides layers into passes whose second moments fit into memory. Layers that read the same rows share them.
 * Layers whose rows cannot be told (convolutions in groups) are in none.
 */
export function momentWaves(
  layers: readonly Layer[],
  shapes: ReadonlyMap<string, TensorFacts>,
  memoryBytes = MEMORY_BYTES,
): MomentWave[] {
  const sites = new Map<string, MomentSite & { layers: string[] }>();
  for (const layer of layers) {
    const patches = layerPatches(layer, shapes);
    if (!patches) continue;
    const site = sites.get(patches.key) ?? { patches, blocks: blocksOf(layer), layers: [] };
    site.layers.push(layer.id);
    sites.set(patches.key, site);
  }
  const waves: { sites: MomentSite[]; siteOf: Map<string, number> }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const { patches, blocks, layers: ids } of sites.values()) {
    const more = 2 * secondMomentBytes(blocks);
    if (bytes + more > memoryBytes) {
      waves.push({ sites: [], siteOf: new Map() });
      bytes = 0;
    }
    const wave = waves.at(-1)!;
    for (const id of ids) wave.siteOf.set(id, wave.sites.length);
    wave.sites.push({ patches, blocks });
    bytes += more;
  }
  return waves;
}

function blocksOf({ inputs, weight, node }: Layer) {
  const [, , height = 1, width = 1] = node.opType === 'Conv' ? weight.dims : [];
  return inputBlocks(inputs, LARGEST_BLOCK, height * width);
}

/** Multiply-adds of rounding the layers of all waves: factoring second moments, and applying them to the weights. */
export function roundingMultiplyAdds(layers: readonly Layer[]): number {
  return layers.reduce((sum, layer) => {
    const blocks = blocksOf(layer).map(
      ({ size }) => FACTORIZATIONS * (size ** 3 / 6) + PASSES * layer.outputChannels * size ** 2,
    );
    return sum + blocks.reduce((total, macs) => total + macs, 0);
  }, 0);
}

/** One for each damping tried and one with all rows; rounding twice at half a pass, four products with the moments. */
const FACTORIZATIONS = 4;
const PASSES = 5;
