import {
  cloneModel,
  freshName,
  inferShapes,
  makeNode,
  type OnnxModel,
  type OnnxNode,
  readModel,
  topologicalSort,
  writeModel,
} from '@cachequant/onnx';
import {
  CacheQuantError,
  type DType,
  memoryStorage,
  type Runtime,
  readTensor,
  type Storage,
  type Tensor,
} from '@cachequant/tensor';
import type { LocateLayer } from './non-finite.js';

const FLOATS: ReadonlySet<DType | null> = new Set(['float32', 'float16', 'bfloat16', 'float64']);
/** The graph with probes is loaded from memory, beside the one that failed. */
const LARGEST_WEIGHTS = 1.5 * 2 ** 30;

/** The largest float16. */
const LARGEST_HALF = 65504;
const FLOAT32 = 1;

/** A layer, and the scalar that is NaN, or beyond the limit, where any of its output is not finite. */
interface Probe {
  readonly layer: string;
  readonly output: string;
  readonly limit: number;
}

/**
 * Finds the first layer whose output is not finite: the same graph with one scalar for each layer, run once more.
 *
 * Memory: the graph's weights once more. It gives up, without an error, where they are too large, or where the
 * runtime does not load the graph with probes.
 */
export function layerLocator(runtime: Runtime, storage: Storage, path: string): LocateLayer {
  return async (feeds, { signal } = {}) => {
    try {
      const model = await readModel(storage, path);
      if (weightBytes(model) > LARGEST_WEIGHTS) return undefined;
      const { probed, probes } = withProbes(model);
      const memory = memoryStorage();
      await writeModel(memory, 'probed.onnx', probed);
      const session = await runtime.load({ bytes: await memory.read('probed.onnx') });
      try {
        const names = probes.map(({ output }) => output);
        const outputs = await session.run(await inMemory(feeds), {
          outputs: names,
          ...(signal && { signal }),
        });
        for (const { layer, output, limit } of probes) {
          const { data } = await readTensor(outputs[output]!);
          if (!(Number(data[0]) <= limit)) return layer;
        }
        return undefined;
      } finally {
        await session.dispose();
      }
    } catch (error) {
      if (CacheQuantError.is(error) && error.code !== 'aborted') return undefined;
      throw error;
    }
  };
}

/**
 * x − x is 0 for what is finite and NaN for all else; the sum of it is a scalar. Of float16 also the largest magnitude:
 * a processor that computes it in float32 rounds, and overflows, only layers later.
 */
function withProbes(model: OnnxModel): { probed: OnnxModel; probes: readonly Probe[] } {
  const facts = inferShapes(model);
  const probed = cloneModel(model);
  const { graph } = probed;
  topologicalSort(graph);
  const prefix = freshName(graph, 'probe');
  const probes: Probe[] = [];
  for (const { name, opType, outputs } of [...graph.nodes]) {
    for (const tensor of outputs) {
      const dtype = facts.get(tensor)?.dtype ?? null;
      if (!FLOATS.has(dtype)) continue;
      const output = `${prefix}/${probes.length}`;
      const isHalf = dtype === 'float16';
      graph.nodes.push(...(isHalf ? halfProbe(tensor, output) : floatProbe(tensor, output)));
      graph.outputs.push({ name: output, dtype: 'float32', elementType: FLOAT32, dims: [] });
      probes.push({ layer: `${opType} ${name || tensor}`, output, limit: isHalf ? LARGEST_HALF : 0 });
    }
  }
  return { probed, probes };
}

function floatProbe(tensor: string, output: string): OnnxNode[] {
  const [zeros, sum] = [`${output}/zeros`, `${output}/sum`];
  return [
    makeNode('Sub', [tensor, tensor], [zeros]),
    makeNode('ReduceSum', [zeros], [sum], { keepdims: 0 }),
    makeNode('Cast', [sum], [output], { to: FLOAT32 }),
  ];
}

function halfProbe(tensor: string, output: string): OnnxNode[] {
  const [single, sum, magnitude, largest] = ['single', 'finite', 'magnitude', 'largest'].map(
    (part) => `${output}/${part}`,
  ) as [string, string, string, string];
  return [
    makeNode('Cast', [tensor], [single], { to: FLOAT32 }),
    ...floatProbe(single, sum),
    makeNode('Abs', [single], [magnitude]),
    makeNode('ReduceMax', [magnitude], [largest], { keepdims: 0 }),
    makeNode('Add', [sum, largest], [output]),
  ];
}

async function inMemory(feeds: Parameters<LocateLayer>[0]): Promise<Record<string, Tensor>> {
  const read: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(feeds)) read[name] = await readTensor(value);
  return read;
}

function weightBytes({ graph }: OnnxModel): number {
  let total = 0;
  for (const { data } of graph.initializers.values()) {
    total += data.kind === 'bytes' ? data.bytes.byteLength : data.length;
  }
  return total;
}
