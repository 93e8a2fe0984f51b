import type { Coverage, DenoiserCall } from '@cachequant/pipeline';
import { concatConditioning } from '@cachequant/pipeline/internals';
import type { Layer } from '@cachequant/quantizer';
import type { ProfiledNode } from '@cachequant/tensor';
import { tensor } from '@cachequant/tensor';
import type { CalibratedModel } from '../calibrated-model.js';
import {
  CACHE_NAME,
  type CalibrationContext,
  loadGraph,
  PREVIOUS_CACHE_NAME,
  runGraph,
} from '../calibration-context.js';
import { samplerOf, type Variant } from '../candidates/variant.js';
import { formatOf } from '../format.js';

const PROFILED_RUNS = 3;

/** Runs both graphs a few times with profiling, where there is that and the operators are this runtime's, and compares what ran with what was planned. */
export async function measureCoverage(calibrated: CalibratedModel, variant: Variant): Promise<Coverage> {
  const { context, graphs } = calibrated;
  const kernels = formatOf(context.recipe)?.target.kernels ?? {};
  const profiling = Object.keys(kernels).length > 0 && (await context.runtime.capabilities()).profiling;
  const full = profiling ? await profile(calibrated, variant.full) : [];
  const cached = variant.cached && (profiling ? await profile(calibrated, variant.cached.graph) : []);
  const refreshes = variant.cached?.refreshCalls.length ?? context.sampler.calls;
  const parts = [
    { nodes: full, layers: graphs.full.layers, macs: graphs.full.layerMacs, calls: refreshes },
    ...(cached
      ? [
          {
            nodes: cached,
            layers: graphs.cached.layers,
            macs: graphs.cached.layerMacs,
            calls: samplerOf(context, variant).calls - refreshes,
          },
        ]
      : []),
  ];
  let total = 0;
  let planned = 0;
  let integer = 0;
  const missed = new Set<string>();
  for (const { nodes, layers, macs, calls } of parts) {
    const ran = nodes.filter(({ opType }) => Object.hasOwn(kernels, opType)).map(({ name }) => name);
    for (const layer of layers) {
      const work = (macs.get(layer.id) ?? 0) * calls;
      total += work;
      if (!calibrated.integers?.packed.compute.has(layer.id)) continue;
      planned += work;
      if (ran.some((name) => isOf(name, layer))) integer += work;
      else if (profiling) missed.add(layer.id);
    }
  }
  return {
    plannedShare: planned / total,
    integerShare: profiling ? integer / total : undefined,
    missed: [...missed],
    operators: byOperator(full),
  };
}

/** A node of the profile belongs to a layer when it carries the name that the integer graph gave it. */
function isOf(node: string, { node: { name }, output }: Layer): boolean {
  return node.startsWith(`${name || output}/integer`);
}

function byOperator(nodes: readonly ProfiledNode[]): Coverage['operators'] {
  const sums = new Map<string, { ms: number; count: number }>();
  for (const { opType, totalMs } of nodes) {
    const sum = sums.get(opType) ?? { ms: 0, count: 0 };
    sums.set(opType, { ms: sum.ms + totalMs / PROFILED_RUNS, count: sum.count + 1 });
  }
  return [...sums].map(([opType, sum]) => ({ opType, ...sum })).sort((a, b) => b.ms - a.ms);
}

async function profile(calibrated: CalibratedModel, graph: string): Promise<readonly ProfiledNode[]> {
  const { context } = calibrated;
  const session = await loadGraph(context, graph, true);
  try {
    const outputs = session.outputs.map(({ name }) => name);
    for (let run = 0; run < PROFILED_RUNS; run++) {
      await runGraph(context, session, sampleCall(context), outputs, zeroFeatures(calibrated));
    }
    return await session.endProfiling();
  } finally {
    await session.dispose();
  }
}

function sampleCall(context: CalibrationContext): DenoiserCall {
  const { conditioning, unconditional } = context.calibration[0]!;
  const call = context.sampler.calls - 1;
  return {
    call,
    timestep: context.sampler.timesteps[call]!,
    sample: tensor('float32', [unconditional ? 2 : 1, ...context.latentDims]),
    conditioning: unconditional ? concatConditioning(unconditional, conditioning) : conditioning,
  };
}

function zeroFeatures({ graphs }: CalibratedModel): Record<string, ReturnType<typeof tensor>> {
  const dims = graphs.full.shapes.get(CACHE_NAME)!.dims as number[];
  return { [CACHE_NAME]: tensor('float32', dims), [PREVIOUS_CACHE_NAME]: tensor('float32', dims) };
}
