import { createBundleGenerator, createGenerator } from '@cachequant/pipeline';
import { createNodeRuntime } from '@cachequant/runtime-node';
import { loneGraph, npyOf } from '../../../pipeline/src/__fixtures__/lone-graph.js';
import { loneModel } from '../../../pipeline/src/model/lone-model.js';
import type { GoldenPicture } from '../__fixtures__/family-case.js';
import { describeFamily, generateOnce } from '../__fixtures__/family-suite.js';
import { modelStorage } from '../__fixtures__/models.js';

const SIZE = { width: 16, height: 16 };
const inputs = {
  noisy: { from: 'sample' },
  sigma: { from: 'time' },
  x: { from: 'array', npy: npyOf([1, 3, 1, 1], [0.5, 0, 0]) },
} as const;

const graph = await loneGraph();
const source = await loneModel(graph, {
  graph: 'graph.onnx',
  // With nothing added, the network is the one that it was made of.
  inputs: { ...inputs, gain: { from: 'value', value: 0 } },
  prediction: 'epsilon',
});

describeFamily({
  id: 'lone-graph',
  family: 'A lone ONNX graph, inputs of any names',
  pipeline: 'the same network under its usual names',
  asks: 'nothing; `--input` names its inputs',
  source,
  golden: await underUsualNames(),
  options: { ...SIZE, steps: 12 },
  leastPsnr: 18,
  refusals: [
    {
      what: 'an input that nothing feeds',
      run: () => loneModel(graph, { graph: 'graph.onnx', inputs, prediction: 'epsilon' }),
      error: /nothing feeds gain/,
    },
    {
      what: 'a prompt',
      run: ({ bundle, runtime }) =>
        generateOnce(createBundleGenerator({ storage: bundle, runtime }), { prompt: 'a fox' }),
      error: /takes no text/,
    },
  ],
});

async function underUsualNames(): Promise<GoldenPicture[]> {
  const runtime = await createNodeRuntime({ threads: 1 });
  const storage = modelStorage('tiny/ddpm-unet');
  const request = { ...SIZE, seed: 5, steps: 4 };
  const [image] = await generateOnce(createGenerator({ storage, runtime }), {
    ...request,
    sampler: 'DDIMScheduler',
    samplerOverrides: { clip_sample: false },
  });
  await runtime.dispose();
  return [{ request, latents: [...image!.latents.data], picture: [...image!.rgb] }];
}
