import {
  CallTableBuilder,
  cloneModel,
  type OnnxModel,
  removeDeadNodes,
  topologicalSort,
} from '@cachequant/onnx';
import { CacheQuantError } from '@cachequant/tensor';
import type { LayerPatches } from './layer-patches.js';
import type { InputBlock } from './second-moments.js';

/** Rows whose second moments are wanted, and the blocks of inputs between which. */
export interface MomentSite {
  readonly patches: LayerPatches;
  readonly blocks: readonly InputBlock[];
}

export interface MomentSampling {
  /** Most rows of each site in one call; a site with fewer gives all it has. */
  readonly rowsPerCall: number;
  /** Uniform numbers in [0, 1); the same sequence gives the same rows. */
  readonly random: () => number;
}

/** The output with Σ x xᵀ of one block of a site, [size, size]. */
export const momentsOutput = (site: number, block: number): string => `cachequant_moments/${site}/${block}`;

/**
 * A graph that gives, for each site, the second moments of a fixed random set of its rows with their whole
 * receptive field, and nothing else: what they do not depend on is left out, and no activation leaves the runtime.
 * @throws CacheQuantError `calibration` without sites
 */
export function momentsGraph(
  model: OnnxModel,
  sites: readonly MomentSite[],
  { rowsPerCall, random }: MomentSampling,
): OnnxModel {
  if (sites.length === 0) {
    throw new CacheQuantError('calibration', 'there are no rows to observe', { where: 'momentsGraph' });
  }
  const observed = cloneModel(model);
  const { graph } = observed;
  graph.outputs = [];
  const builder = new CallTableBuilder(observed);
  const flatShape = builder.constant('cachequant/flat', 'int64', [1], BigInt64Array.of(-1n));
  const zero = builder.constant('cachequant/zero', 'float32', [1], Float32Array.of(0));
  for (const [i, { patches, blocks }] of sites.entries()) {
    const { input } = patches;
    const rows = distinctRows(patches.rows, Math.min(patches.rows, rowsPerCall), random);
    const flat = builder.node('Reshape', [input, flatShape], builder.name(`${input}/flat`));
    const padded = builder.node('Concat', [flat, zero], builder.name(`${input}/padded`), { axis: 0 });
    for (const [b, block] of blocks.entries()) {
      const positions = blockPositions(patches, block, rows);
      const columns = builder.constant(`${input}/at`, 'int32', [block.size, rows.length], positions);
      const byInput = builder.node('Gather', [padded, columns], builder.name(`${input}/rows`), { axis: 0 });
      const byRow = builder.node('Transpose', [byInput], builder.name(`${input}/rows_t`), { perm: [1, 0] });
      const name = builder.node('MatMul', [byInput, byRow], momentsOutput(i, b));
      graph.outputs.push({ name, dtype: 'float32', elementType: 1, dims: [block.size, block.size] });
    }
  }
  topologicalSort(graph);
  removeDeadNodes(graph);
  return observed;
}

function distinctRows(rows: number, count: number, random: () => number): Int32Array {
  const all = Int32Array.from({ length: rows }, (_, row) => row);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (rows - i));
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return all.subarray(0, count);
}

/** [size, rows]: where the inputs of a block lie; padding is read from behind the last element. */
function blockPositions(patches: LayerPatches, { start, size }: InputBlock, rows: Int32Array): Int32Array {
  const positions = new Int32Array(size * rows.length);
  for (const [column, row] of rows.entries()) {
    const places = patches.indicesOf(row);
    for (let k = 0; k < size; k++) {
      const place = places[start + k]!;
      positions[k * rows.length + column] = place < 0 ? patches.elements : place;
    }
  }
  return positions;
}
