import type { ProfiledNode, Runtime, Session } from '@cachequant/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from '../__fixtures__/optimized-model.js';
import { FLOAT_FULL } from '../calibrated-model.js';
import { readGraph } from '../graphs/float-graphs.js';
import { chooseLayers } from './choose-layers.js';
import type { LayerTimes } from './decision.js';
import { EXPERIMENT_WEIGHTS, type LayerExperiment, removeExperiment } from './layer-experiment.js';
import { planLayers, settleLayers } from './layer-plan.js';
import { localErrors } from './local-errors.js';
import { measureTimes } from './measure-times.js';
import { packWeights } from './pack-weights.js';
import { sortPacked } from './packed-weights.js';
import { cachedPartOf } from './picture-shares.js';

/** Each loads the network some hundred times. */
const FULL = { tags: 'full', timeout: 600_000 };

let made: OptimizedModel;
let experiment: LayerExperiment;
let errors: Record<string, number>;
let times: Record<string, LayerTimes>;
beforeAll(async () => {
  made = await optimizedModel({ ...SMALL_RUN, layers: 'all', components: 'keep' });
  const { calibrated } = made;
  const possible = planLayers(calibrated.graphs, []);
  const { records } = await packWeights(calibrated.context, calibrated.graphs, possible, {
    path: EXPERIMENT_WEIGHTS,
    bits: 7,
  });
  experiment = {
    context: calibrated.context,
    graph: calibrated.graphs.full,
    float: await readGraph(calibrated.context.work, FLOAT_FULL),
    packed: sortPacked(records),
    grids: calibrated.integers!.grids,
    trajectory: calibrated.trajectory,
    cachedPart: cachedPartOf(calibrated.graphs),
  };
  errors = await localErrors(experiment);
  times = await measureTimes(experiment);
}, 900_000);
afterAll(() => made.dispose());

const ids = () => [...experiment.packed.compute.keys()];

/** A 1×1 convolution around a residual block, and the one of the model that costs it more than a decibel by itself. */
const SHORTCUT = 'up_blocks.0.resnets.0.conv_shortcut.weight';
const OWN_SHORTCUT =
  'up_blocks.1.resnets.1.conv_shortcut.weight:/up_blocks.1/resnets.1/conv_shortcut/Conv_output_0';

/** A session in which something is changed. */
function changed(session: Session, changes: Partial<Session>): Session {
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    run: (...run) => session.run(...run),
    endProfiling: () => session.endProfiling(),
    dispose: () => session.dispose(),
    ...changes,
  };
}

function withRuntime(load: (session: Session, path: string) => Session): LayerExperiment {
  const runtime: Runtime = {
    ...made.runtime,
    load: async (source, options) =>
      load(await made.runtime.load(source, options), 'path' in source ? source.path : ''),
  };
  return { ...experiment, context: { ...experiment.context, runtime } };
}

describe('localErrors', () => {
  it('gives every integer layer its own signal to noise, as 8 bits leave it', () => {
    expect(Object.keys(errors).sort()).toEqual(ids().sort());
    for (const decibels of Object.values(errors)) {
      expect(decibels).toBeGreaterThan(15);
      expect(decibels).toBeLessThan(60);
    }
  });

  it(
    'finds the one layer whose input is rounded too coarsely, and chooseLayers keeps it in float',
    FULL,
    async () => {
      const { coarse, sharing } = coarsened('up_blocks.1.resnets.1.conv2.weight', 16);
      const found = await localErrors(coarse);
      for (const { id } of sharing) expect(errors[id]! - found[id]!).toBeGreaterThan(12);
      for (const id of ids().filter((other) => !sharing.some((one) => one.id === other))) {
        expect(found[id]).toBe(errors[id]);
      }

      const noTimes = Object.fromEntries(ids().map((id) => [id, { floatMs: 1, integerMs: 0.5 }]));
      const untouched = await chooseLayers(experiment, noTimes);
      expect(untouched.sensitive).toContain(OWN_SHORTCUT);
      for (const id of untouched.sensitive) expect(id).toMatch(/^up_blocks.1.*conv_shortcut/);
      expect(untouched.noisiest[0]!.id).toBe(OWN_SHORTCUT);
      const floor = untouched.networkDb.allInteger - 0.5;
      const choice = await chooseLayers(withFloor(coarse, floor), noTimes);
      expect(choice.networkDb.allInteger).toBeLessThan(floor);
      expect(choice.sensitive.length).toBeGreaterThan(0);
      for (const id of choice.sensitive)
        expect([...sharing.map((one) => one.id), ...untouched.sensitive]).toContain(id);
      expect(choice.networkDb.chosen).toBeGreaterThan(choice.networkDb.allInteger);
      // It was the activation that was coarse: 8-bit weights do no harm.
      expect(choice.sensitiveStored).toBe(true);
      const decisions = settleLayers(planLayers(made.calibrated.graphs, []), {
        times: noTimes,
        errors: found,
        choice,
      });
      expect(decisions.find(({ id }) => id === choice.sensitive[0])).toMatchObject({
        compute: 'float',
        storage: 'int8',
        reason: 'sensitive to rounding',
        measured: { sqnr: found[choice.sensitive[0]!] },
      });
    },
  );

  it(
    'finds one fatal layer that seems exact by itself, where all is good enough, and keeps it in float',
    FULL,
    async () => {
      const { coarse, sharing } = coarsened(SHORTCUT, 32);
      const [planted] = sharing;
      expect(sharing).toHaveLength(1);
      const noTimes = Object.fromEntries(ids().map((id) => [id, { floatMs: 1, integerMs: 0.5 }]));
      const choice = await chooseLayers(withFloor(coarse, 0), noTimes);
      expect(choice.sensitive[0]).toBe(planted!.id);
      expect(choice.networkDb.chosen).toBeGreaterThan(choice.networkDb.allInteger + 1);
    },
  );

  /** The experiment with the grid of a layer's input made coarser. */
  function coarsened(name: string, times: number) {
    const { grids } = experiment;
    const layer = experiment.graph.layers.find(({ id }) => id.includes(name))!;
    const sharing = experiment.graph.layers.filter(({ input }) => input === layer.input);
    const scales = grids.scales.slice();
    const zeroPoints = grids.zeroPoints.slice();
    const column = grids.sites.indexOf(layer.input);
    for (let at = column; at < scales.length; at += grids.sites.length) {
      scales[at]! *= times;
      zeroPoints[at] = 128 + Math.round((zeroPoints[at]! - 128) / times);
    }
    return { coarse: { ...experiment, grids: { ...grids, scales, zeroPoints } } as LayerExperiment, sharing };
  }

  function withFloor(given: LayerExperiment, qualityFloor: number): LayerExperiment {
    return { ...given, context: { ...given.context, recipe: { ...given.context.recipe, qualityFloor } } };
  }
});

describe('measureTimes', () => {
  it('gives every integer layer a time in both forms, alike layers the same', () => {
    expect(Object.keys(times).sort()).toEqual(ids().sort());
    for (const { floatMs, integerMs } of Object.values(times)) {
      expect(floatMs).toBeGreaterThan(0);
      expect(integerMs).toBeGreaterThan(0);
    }
    const of = (name: string) => Object.entries(times).find(([id]) => id.includes(name))![1];
    expect(of('mid_block.resnets.0.conv1.weight')).toBe(of('mid_block.resnets.1.conv2.weight'));
    expect(of('mid_block.resnets.0.conv1.weight')).not.toBe(of('up_blocks.0.upsamplers.0.conv.weight'));
  });

  it(
    'finds a planted slow layer, which goes back to float with its weight stored as integers',
    FULL,
    async () => {
      const planted = experiment.graph.layers.find(({ id }) =>
        id.includes('up_blocks.0.upsamplers.0.conv.weight'),
      )!;
      const slower = (node: ProfiledNode) =>
        node.opType === 'QLinearConv' && node.name.startsWith(kernelName)
          ? { ...node, runMs: node.runMs.map((ms) => ms + 50) }
          : node;
      const kernelName = await numberedKernel(planted.id);
      const slow = withRuntime((session, path) => {
        const endProfiling = async () => (await session.endProfiling()).map(slower);
        const delayed: Session['run'] = async (...run) => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return session.run(...run);
        };
        return changed(session, {
          endProfiling,
          ...(path.endsWith('experiment-whole.onnx') && { run: delayed }),
        });
      });
      const found = await measureTimes(slow);
      expect(found[planted.id]!.integerMs).toBeGreaterThan(50);
      expect(found[planted.id]!.floatMs).toBeLessThan(20);
      const onlyPlanted = Object.fromEntries(
        ids().map((id) => [id, id === planted.id ? found[id]! : { floatMs: 1, integerMs: 0.5 }]),
      );
      const choice = await chooseLayers(slow, onlyPlanted);
      expect(choice.slow).toEqual([planted.id]);
      const possible = planLayers(made.calibrated.graphs, []);
      const decisions = settleLayers(possible, { times: onlyPlanted, errors, choice });
      expect(decisions.filter(({ reason }) => reason === 'slower in integers')).toEqual([
        expect.objectContaining({ id: planted.id, compute: 'float', storage: 'int8' }),
      ]);
    },
  );

  it(
    'leaves layers in integers with which in float the whole network is slower after all',
    FULL,
    async () => {
      const [id] = ids();
      const seemsSlow = Object.fromEntries(ids().map((other) => [other, { floatMs: 1, integerMs: 0.5 }]));
      seemsSlow[id!] = { floatMs: 1, integerMs: 2 };
      const slowWithout = withRuntime((session, path) => {
        const delayed: Session['run'] = async (...run) => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return session.run(...run);
        };
        return changed(session, path.endsWith('experiment-whole-without.onnx') ? { run: delayed } : {});
      });
      const choice = await chooseLayers(slowWithout, seemsSlow);
      expect(choice.slow).toEqual([]);
      expect(choice.wholeMs!.withoutSlow).toBeGreaterThan(choice.wholeMs!.allInteger);
    },
  );

  /** The name that the kernel of a layer has in the graph that is profiled. */
  async function numberedKernel(id: string): Promise<string> {
    const { graph } = await readGraph(experiment.context.work, 'float/experiment-integer.onnx');
    const weight = experiment.packed.compute.get(id)!.integers.name;
    return graph.nodes.find(({ inputs }) => inputs.includes(weight))!.name;
  }
});

describe('removeExperiment', () => {
  it('leaves the graphs of the calibrated model', async () => {
    await removeExperiment(experiment.context);
    const left = await experiment.context.work.list('float');
    expect(left.filter((path) => /experiment|int8/.test(path))).toEqual([]);
    expect(left).toContain(FLOAT_FULL);
  });
});
