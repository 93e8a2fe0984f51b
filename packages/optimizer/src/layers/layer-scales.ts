import {
  CALL_INDEX_INPUT,
  encodeModel,
  extractSubgraph,
  type OnnxModel,
  readModel,
  readWeightBytes,
} from '@cachequant/onnx';
import type { BundleManifest } from '@cachequant/pipeline';
import { type IntegerTarget, integerKernels, onnxRuntimeTarget } from '@cachequant/quantizer';
import { type Runtime, readTensor, type Storage, tensor } from '@cachequant/tensor';

/** The activation scales of one integer layer, one for each network call; null where the layer does not run. */
export interface LayerScales {
  readonly input: readonly (number | null)[];
  /** Of layers whose output is rounded to 8 bits as well. */
  readonly output: readonly (number | null)[] | undefined;
}

/**
 * Reads the scales that a bundle's layers really compute with, by layer id: the part of each graph that depends on
 * `call_index` alone is run for every call that the graph makes.
 * @param target that the bundle was made for
 */
export async function layerScales(
  storage: Storage,
  runtime: Runtime,
  { denoiser, schedule, sampler, layers }: BundleManifest,
  target: IntegerTarget = onnxRuntimeTarget,
): Promise<ReadonlyMap<string, LayerScales>> {
  const refreshes = new Set(schedule.refreshCalls);
  const all = Array.from({ length: sampler.calls }, (_, call) => call);
  const nulls = (): (number | null)[] => all.map(() => null);
  const found = new Map<string, { input: (number | null)[]; output: (number | null)[] | undefined }>();
  for (const [graph, calls] of [
    [denoiser.full, all.filter((call) => refreshes.has(call))],
    [denoiser.cached, all.filter((call) => !refreshes.has(call))],
  ] as const) {
    const model = await readModel(storage, graph.file);
    const sites = scaleSites(model, layers, target);
    const names = [
      ...new Set(sites.flatMap(({ input, output }) => (output === undefined ? [input] : [input, output]))),
    ];
    const values = await valuesAt(runtime, model, names, calls);
    for (const { id, input, output } of sites) {
      const scales = found.get(id) ?? { input: nulls(), output: output === undefined ? undefined : nulls() };
      found.set(id, scales);
      for (const call of calls) {
        scales.input[call] = values(input, call);
        if (output !== undefined && scales.output) scales.output[call] = values(output, call);
      }
    }
  }
  return found;
}

interface ScaleSite {
  readonly id: string;
  /** Names of tensors. */
  readonly input: string;
  readonly output: string | undefined;
}

function scaleSites(
  { graph }: OnnxModel,
  layers: BundleManifest['layers'],
  { kernels }: IntegerTarget,
): ScaleSite[] {
  const weights = new Map<string, string>();
  for (const { id } of layers.filter(({ compute }) => compute === 'integer')) {
    for (const [name, { dtype, dims }] of graph.initializers) {
      if (name.startsWith(`${id}/`) && dtype !== 'float32' && dims.length > 1) weights.set(name, id);
    }
  }
  return [...integerKernels(graph, weights)].flatMap(([{ opType, inputs }, id]) => {
    const places = kernels[opType];
    if (!places) return [];
    return [
      {
        id,
        input: inputs[places.input]!,
        output: places.output === undefined ? undefined : inputs[places.output],
      },
    ];
  });
}

/** Computes scalars of a graph that depend on the call alone. */
async function valuesAt(
  runtime: Runtime,
  model: OnnxModel,
  names: readonly string[],
  calls: readonly number[],
): Promise<(name: string, call: number) => number> {
  const values = new Map<string, number>();
  const constants = names.filter((name) => model.graph.initializers.has(name));
  for (const name of constants) {
    const bytes = await readWeightBytes(model.graph.initializers.get(name)!);
    values.set(name, new Float32Array(bytes.slice().buffer)[0]!);
  }
  const computed = names.filter((name) => !constants.includes(name));
  const at = (name: string, call: number) => values.get(name) ?? values.get(`${call} ${name}`)!;
  if (computed.length === 0) return at;
  const types = new Map(computed.map((name) => [name, { dtype: 'float32' as const, dims: undefined }]));
  const part = extractSubgraph(model, { inputs: [], outputs: computed, types });
  const session = await runtime.load({ bytes: encodeModel(await inMemory(part)) });
  try {
    for (const call of calls) {
      const feeds = { [CALL_INDEX_INPUT]: tensor('int64', [], BigInt64Array.of(BigInt(call))) };
      const results = await session.run(feeds);
      for (const name of computed) {
        const { data } = await readTensor(results[name]!);
        values.set(`${call} ${name}`, (data as Float32Array)[0]!);
      }
    }
  } finally {
    await session.dispose();
  }
  return at;
}

async function inMemory(model: OnnxModel): Promise<OnnxModel> {
  for (const [name, weight] of model.graph.initializers) {
    const data = { kind: 'bytes', bytes: await readWeightBytes(weight) } as const;
    model.graph.initializers.set(name, { ...weight, data });
  }
  return model;
}
