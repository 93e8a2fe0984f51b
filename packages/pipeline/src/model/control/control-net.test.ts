import { buildGraph } from '@cachequant/architectures';
import {
  applyCut,
  countMultiplyAdds,
  findCuts,
  inferShapes,
  makeNode,
  type OnnxModel,
  readModel,
  writeModel,
} from '@cachequant/onnx';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { readText, type Storage, writeFile } from '@cachequant/tensor';
import { memoryStorage } from '@cachequant/tensor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlledStorage, modelStorage } from '../../__fixtures__/models.js';
import { tinyControl } from '../../__fixtures__/tiny-pictures.js';
import { createGenerator } from '../../generate/generator.js';
import { checkpointFolder } from '../checkpoint-folder.js';
import { modelSource } from '../load-graph.js';
import { openModelFolder } from '../model-folder.js';
import { joinControlNet } from './join-control-net.js';
import { splitControlNet } from './split-control-net.js';

type Change = (model: OnnxModel) => void;

/** The model and its ControlNet as exporters write them, each changed first. */
async function exported(changes: { unet?: Change; controlnet?: Change } = {}): Promise<Storage> {
  const built = (await checkpointFolder(await controlledStorage('tiny/sd', 'tiny/controlnet')))!;
  const copy = memoryStorage();
  for (const part of ['unet', 'controlnet', 'text_encoder', 'vae_decoder'] as const) {
    const model = await readModel(built, `${part}/model.onnx`);
    changes[part as 'unet']?.(model);
    await writeModel(copy, `${part}/model.onnx`, model);
    await writeFile(copy, `${part}/config.json`, await built.read(`${part}/config.json`));
  }
  const others = ['model_index.json', 'scheduler/scheduler_config.json', ...(await built.list('tokenizer'))];
  for (const path of others) await writeFile(copy, path, await built.read(path));
  return copy;
}

/** Everything that has a name. */
function rename({ graph }: OnnxModel, renamed: (name: string) => string): void {
  for (const info of [...graph.inputs, ...graph.outputs]) info.name = renamed(info.name);
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map(renamed);
    node.outputs = node.outputs.map(renamed);
  }
}

/** Names and types of another exporter. */
const OTHER_NAMES = {
  unet: (model: OnnxModel) =>
    rename(model, (name) =>
      name
        .replace(/^down_block_additional_residual\.(\d+)$/, 'down_block_$1')
        .replace(/^mid_block_additional_residual$/, 'mid_block'),
    ),
  controlnet(model: OnnxModel) {
    rename(model, (name) =>
      name
        .replace(/^down_block_res_samples\.(\d+)$/, 'down_block_$1_res_sample')
        .replace(/^controlnet_cond$/, 'image'),
    );
    // Outputs in no order, and a timestep of whole numbers.
    model.graph.outputs.reverse();
    const timestep = model.graph.inputs.find(({ name }) => name === 'timestep')!;
    Object.assign(timestep, { dtype: 'int64', elementType: 7, dims: [1] });
    rename({ ...model, graph: { ...model.graph, inputs: [], outputs: [] } }, (name) =>
      name === 'timestep' ? 'timestep_float' : name,
    );
    model.graph.nodes.unshift(makeNode('Cast', ['timestep'], ['timestep_float'], { to: 1 }));
  },
};

let runtime: Awaited<ReturnType<typeof createNodeRuntime>>;
beforeAll(async () => {
  runtime = await createNodeRuntime({ threads: 1 });
});
afterAll(() => runtime.dispose());

describe('openModelFolder of a model with a ControlNet', () => {
  it.each([
    ['as exporters write them', {}],
    ['with names and types of another exporter', OTHER_NAMES],
  ])('joins graphs %s', async (_, changes) => {
    const [{ latents, picture: __, ...request }] = JSON.parse(
      await readText(modelStorage('tiny/controlnet'), 'golden.json'),
    );
    const generator = await createGenerator({ storage: await exported(changes), runtime });
    const { images } = await generator.generate({ ...request, controlImage: tinyControl });
    await generator.dispose();
    const off = (latents as number[]).map((value, i) => Math.abs(value - images[0]!.latents.data[i]!));
    expect(Math.max(...off)).toBeLessThan(2e-3);
  });

  it('leaves the weights of both on the disk, in the folder that they have in common', async () => {
    const { storage, denoiser } = await openModelFolder(
      await controlledStorage('tiny/sd', 'tiny/controlnet'),
    );
    const source = await modelSource(storage, denoiser.model);
    expect(source).toMatchObject({ externalFolder: expect.stringMatching(/models\/tiny$/) });
    expect(source).not.toHaveProperty('externalData');
  });

  it('shows the layers of the control image apart, and the rest inside of the denoiser', async () => {
    const folder = await openModelFolder(await controlledStorage('tiny/sd', 'tiny/controlnet'));
    const denoiser = await readModel(folder.storage, folder.denoiser.model);
    expect(denoiser.graph.inputs.map(({ name }) => name)).toEqual([
      'sample',
      'timestep',
      'encoder_hidden_states',
      'controlnet_cond_embedding',
      'controlnet_conditioning_scale',
    ]);
    expect(folder.controlNet?.model).toBe('controlnet_cond_embedding/model.onnx');
    const { graph } = await readModel(folder.storage, folder.controlNet!.model);
    expect(graph.inputs.map(({ name }) => name)).toEqual(['controlnet_cond']);
    expect(graph.nodes.filter(({ opType }) => opType === 'Conv')).toHaveLength(4);
  });

  const TEXT = new TextEncoder();
  it.each([
    [
      'a U-Net that was exported without residuals',
      async () => {
        const storage = await exported();
        const { storage: plain } = await openModelFolder(modelStorage('tiny/sd'));
        await writeModel(storage, 'unet/model.onnx', await readModel(plain, 'unet/model.onnx'));
        return storage;
      },
      /takes no residuals of a ControlNet .*give the model as safetensors/,
    ],
    [
      'a ControlNet with fewer residuals',
      () => exported({ controlnet: ({ graph }) => void graph.outputs.pop() }),
      /not one for this model \(expected 5 residuals, got 4 residuals/,
    ],
    [
      'several ControlNets',
      async () => {
        const storage = await exported();
        await writeFile(storage, 'controlnet_1/config.json', TEXT.encode('{}'));
        return storage;
      },
      /controlnet_1\/: the model follows several ControlNets/,
    ],
    [
      'a ControlNet that pools',
      async () => {
        const storage = await exported();
        await writeFile(storage, 'controlnet/config.json', TEXT.encode('{"global_pool_conditions": true}'));
        return storage;
      },
      /global_pool_conditions/,
    ],
    [
      'a graph that is no ControlNet',
      () =>
        exported({
          controlnet({ graph }) {
            graph.inputs.find(({ name }) => name === 'controlnet_cond')!.dims = [1];
          },
        }),
      /the graph is no ControlNet/,
    ],
  ])('refuses %s', async (_, storage, message) => {
    await expect(openModelFolder(await storage())).rejects.toThrow(message);
  });
});

describe('joinControlNet at the size of Stable Diffusion 1.5', () => {
  const config = { cross_attention_dim: 768 };
  const unet = (controlResiduals: boolean) =>
    buildGraph({ config, className: 'UNet2DConditionModel', controlResiduals }).model;
  const control = buildGraph({ config, className: 'ControlNetModel' }).model;
  const { embedding, residuals } = splitControlNet(control, 'controlnet');
  const plain = { sample: [2, 4, 64, 64], timestep: [], encoder_hidden_states: [2, 77, 768] };
  const inputDims = {
    ...plain,
    controlnet_cond_embedding: [2, 320, 64, 64],
    controlnet_conditioning_scale: [2, 13],
  };
  const multiplyAdds = (model: OnnxModel, dims: Readonly<Record<string, readonly number[]>>) =>
    countMultiplyAdds(model, inferShapes(model, { inputDims: dims }));

  it('computes of the ControlNet at cached calls what the first skip connection takes alone', () => {
    const joined = joinControlNet(residuals, unet(true), 'controlnet');
    const [cut] = findCuts(joined, { inputDims });
    const [plainCut] = findCuts(unet(false), { inputDims: plain });
    const { total } = multiplyAdds(joined, inputDims);
    const plainTotal = multiplyAdds(unet(false), plain).total;
    expect(total / plainTotal).toBeCloseTo(1.334, 3);
    expect(cut!.cachedShare).toBeCloseTo(0.0599, 4);
    expect(plainCut!.cachedShare).toBeCloseTo(0.0787, 4);
    // A cached call takes 1.5 % more than without a ControlNet.
    expect((cut!.cachedShare * total) / (plainCut!.cachedShare * plainTotal)).toBeCloseTo(1.015, 3);
    const { cached } = applyCut(joined, cut!);
    const layers = cached.graph.nodes.filter(({ opType }) => opType === 'Conv' || opType === 'MatMul');
    expect(layers.filter(({ name }) => name.startsWith('controlnet.'))).toHaveLength(2);
    // What is computed once for a picture would be 11 % more for each half of guidance, at every call.
    const image = multiplyAdds(embedding, { controlnet_cond: [1, 3, 512, 512] }).total;
    expect(image / (cut!.cachedShare * total)).toBeCloseTo(0.115, 3);
  });
});
