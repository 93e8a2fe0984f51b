import { readManifest } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { type Runtime, readText, type Session, type Storage } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelCopy } from './__fixtures__/models.js';
import { type OptimizedModel, optimizedModel, SMALL_RUN } from './__fixtures__/optimized-model.js';
import { rawLabels } from './__fixtures__/raw-labels.js';
import { type DecisionRecord, parseDecisionRecord } from './decision-record.js';
import { type OptimizeRequest, optimize, optimizeKeepingModel } from './optimize.js';

/** Measuring layers takes minutes; that a plan is kept to is tested from the command line too, on a tiny model. */
const FULL = { tags: 'full' };
const OPTIONS = { ...SMALL_RUN, layers: 'measured', components: 'keep' } as const;

let made: OptimizedModel;
let text: string;
let plan: DecisionRecord;
beforeAll(async () => {
  made = await optimizedModel(OPTIONS, { on: slowerInIntegers });
  text = await readText(made.out, 'plan.json');
  plan = parseDecisionRecord(text);
}, 900_000);
afterAll(() => made.dispose());

/** A machine on which integer convolutions are slow. */
function slowerInIntegers(runtime: Runtime): Runtime {
  return {
    ...runtime,
    capabilities: () => runtime.capabilities(),
    async load(source, options) {
      const session = await runtime.load(source, options);
      const whole = 'path' in source && source.path.endsWith('experiment-whole.onnx');
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        async run(...run) {
          if (whole) await new Promise((resolve) => setTimeout(resolve, 200));
          return session.run(...run);
        },
        endProfiling: async () => (await session.endProfiling()).map(slowed),
        dispose: () => session.dispose(),
      } satisfies Session;
    },
  };
}

function slowed(node: Awaited<ReturnType<Session['endProfiling']>>[number]) {
  const slow = node.opType === 'QLinearConv' && node.name.startsWith('cq');
  return slow ? { ...node, runMs: node.runMs.map((ms) => ms + 20) } : node;
}

async function denoiserHashes(out: Storage): Promise<Record<string, string>> {
  const { files } = await readManifest(out);
  const denoiser = Object.entries(files).filter(([path]) => path.startsWith('denoiser/'));
  return Object.fromEntries(denoiser.map(([path, { sha256 }]) => [path, sha256]));
}

it('optimize tells in words how it measures layers', FULL, () => {
  const kinds = made.stages.map(({ kind }) => kind);
  expect(kinds).toEqual(
    expect.arrayContaining(['layer-experiment', 'layer-times', 'layer-errors', 'layer-choice']),
  );
  expect(rawLabels(made.stages)).toEqual([]);
  expect(plan.layers.some(({ measured }) => measured !== undefined)).toBe(true);
});

describe('optimize with the plan of an earlier bundle', FULL, () => {
  const again = async (request: Partial<OptimizeRequest> = {}) => {
    const stages: string[] = [];
    const out = memoryStorage();
    const studied = await optimizeKeepingModel({
      source: made.source,
      runtime: made.runtime,
      work: memoryStorage(),
      out,
      plan,
      onStage: ({ id }) => stages.push(id),
      ...request,
    });
    return { out, stages, ...studied };
  };

  it('makes everything under denoiser/ bit for bit the same, with other threads and other times', async () => {
    const slow = plan.layers.filter(({ reason }) => reason === 'slower in integers');
    expect(plan.layerChoice!.wholeMs!.ratio).toBeLessThan(1);
    expect(slow.length).toBeGreaterThan(2);
    const runtime = await createNodeRuntime({ threads: 1 });
    const { out, stages, summary, choice } = await again({ runtime });
    await runtime.dispose();
    expect(await denoiserHashes(out)).toEqual(await denoiserHashes(made.out));
    expect(stages).not.toContain('layer-times');
    const { correction, variant } = choice.chosen;
    expect(stages.filter((name) => name.startsWith('candidate'))).toHaveLength(
      1 + (correction === 'none' ? 0 : 1) + (variant.cached?.guidance === 'forecast' ? 1 : 0),
    );
    const repeated = parseDecisionRecord(await readText(out, 'plan.json'));
    expect(repeated.layers).toEqual(plan.layers);
    expect(repeated.layerChoice).toEqual(plan.layerChoice);
    expect(summary.manifest.layers).toEqual(made.summary.manifest.layers);
  }, 900_000);

  it('does as the plan says: a layer in float with its weight as it was, once for both graphs', async () => {
    const [{ id }] = plan.layers
      .filter(({ compute }) => compute === 'integer')
      .sort((a, b) => b.macs - a.macs) as [DecisionRecord['layers'][0]];
    const layers = plan.layers.map((layer) =>
      layer.id === id
        ? {
            ...layer,
            compute: 'float' as const,
            storage: 'float32' as const,
            reason: 'sensitive to rounding',
          }
        : layer,
    );
    const { out, summary, calibrated } = await again({ plan: { ...plan, layers } });
    expect(calibrated.integers!.packed.compute.has(id)).toBe(false);
    expect(summary.verification.coverage.missed).toEqual([]);
    const bytes = async (storage: Storage) => (await storage.stat('denoiser/weights.bin'))!.size;
    const layer = calibrated.graphs.full.layers.find((one) => one.id === id)!;
    const elements = layer.outputChannels * layer.inputs;
    expect((await bytes(out)) - (await bytes(made.out))).toBeGreaterThanOrEqual(3 * elements - 65_536);
    expect((await out.stat('denoiser/full.onnx'))!.size).toBeLessThan(2_000_000);
  }, 900_000);

  const refused = (request: Partial<OptimizeRequest>) =>
    optimize({
      source: made.source,
      runtime: made.runtime,
      work: memoryStorage(),
      out: memoryStorage(),
      plan,
      ...request,
    });

  it('takes options that change nothing under denoiser/, and refuses those that contradict the plan', async () => {
    await expect(refused({ options: { steps: 9 } })).rejects.toMatchObject({
      code: 'invalid-argument',
      where: 'option steps',
      expected: '5',
      got: '9',
    });
    const controller = new AbortController();
    const accepted = refused({
      options: { verificationImages: 3, steps: 5 },
      signal: controller.signal,
      onStage: () => controller.abort(),
    });
    await expect(accepted).rejects.toMatchObject({ code: 'aborted' });
  });

  it('refuses the plan of another model', async () => {
    const index = await readText(made.source, 'model_index.json');
    const source = await modelCopy('fashion-sd', { 'model_index.json': `${index}\n` });
    await expect(refused({ source })).rejects.toMatchObject({ code: 'invalid-argument', where: 'plan' });
    await expect(refused({ source })).rejects.toThrow('the plan is of another model');
  });

  it.each([
    ['lacks a layer', () => plan.layers.slice(1), /lacks a layer of the model/],
    ['has one more', () => [...plan.layers, { ...plan.layers[0]!, id: 'w:other' }], /got w:other/],
  ])('refuses a plan that %s', async (_, layers, message) => {
    const refusal = refused({ plan: { ...plan, layers: layers() } });
    await expect(refusal).rejects.toMatchObject({ code: 'invalid-argument', where: 'plan, layers' });
    await expect(refusal).rejects.toThrow(message);
  });
});
