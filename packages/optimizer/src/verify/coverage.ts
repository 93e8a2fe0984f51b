import type { Coverage, DenoiserCall } from '@cachequant/pipeline/internals';
import type { Layer } from '@cachequant/quantizer';
import type { ProfiledNode } from '@cachequant/tensor';
import { tensor } from '@cachequant/tensor';
import type { Variant } from '../candidates/variant.js';
import { formatOf } from '../format.js';
import { CACHE_NAME, type Laboratory, loadGraph, PREVIOUS_CACHE_NAME, runGraph } from '../laboratory.js';
import type { Study } from '../study.js';

const PROFILED_RUNS = 3;

/** Runs both graphs a few times with profiling, where there is that, and compares what ran with what was planned. */
export async function measureCoverage(study: Study, variant: Variant): Promise<Coverage> {
  const { lab, graphs } = study;
  const kernels = formatOf(lab.recipe)?.target.kernels ?? {};
  const { profiling } = await lab.runtime.capabilities();
  const full = profiling ? await profile(study, variant.full) : [];
  const cached = variant.cached && (profiling ? await profile(study, variant.cached.graph) : []);
  const refreshes = variant.cached?.refreshSteps.length ?? lab.sampler.calls;
  const parts = [
    { nodes: full, layers: graphs.full.layers, macs: graphs.full.layerMacs, calls: refreshes },
    ...(cached
      ? [
          {
            nodes: cached,
            layers: graphs.cached.layers,
            macs: graphs.cached.layerMacs,
            calls: lab.sampler.calls - refreshes,
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
      if (!study.integers?.packed.compute.has(layer.id)) continue;
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

async function profile(study: Study, graph: string): Promise<readonly ProfiledNode[]> {
  const { lab } = study;
  const session = await loadGraph(lab, graph, true);
  try {
    const outputs = session.outputs.map(({ name }) => name);
    for (let run = 0; run < PROFILED_RUNS; run++) {
      await runGraph(lab, session, sampleCall(lab), outputs, zeroFeatures(study));
    }
    return await session.endProfiling();
  } finally {
    await session.dispose();
  }
}

function sampleCall(lab: Laboratory): DenoiserCall {
  const { conditioning, unconditional } = lab.calibration[0]!;
  const batch = unconditional ? 2 : 1;
  const stacked = Object.fromEntries(
    Object.entries(conditioning).map(([name, value]) => {
      const data = new Float32Array(value.data.length * batch);
      data.set((unconditional?.[name] ?? value).data as Float32Array);
      data.set(value.data as Float32Array, value.data.length * (batch - 1));
      return [name, tensor('float32', [batch, ...value.dims.slice(1)], data)];
    }),
  );
  const call = lab.sampler.calls - 1;
  return {
    call,
    timestep: lab.sampler.timesteps[call]!,
    sample: tensor('float32', [batch, ...lab.latentDims]),
    conditioning: stacked,
  };
}

function zeroFeatures({ graphs }: Study): Record<string, ReturnType<typeof tensor>> {
  const dims = graphs.full.shapes.get(CACHE_NAME)!.dims as number[];
  return { [CACHE_NAME]: tensor('float32', dims), [PREVIOUS_CACHE_NAME]: tensor('float32', dims) };
}
