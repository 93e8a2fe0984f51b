import { type BundleManifest, loadGraph, readManifest, withTinyDecoder } from '@cachequant/pipeline';
import {
  type Feeds,
  type Runtime,
  type Storage,
  type Tensor,
  TorchGenerator,
  tensor,
} from '@cachequant/tensor';
import { interleave } from './interleave.js';
import type { BenchResults, Spread } from './results.js';

export interface StagesRequest {
  readonly runtime: Runtime;
  /** Folder with decoder and text encoder in float. */
  readonly model: Storage;
  /** What `optimize` made of it. */
  readonly bundle: Storage;
  readonly latentDims: readonly number[];
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

type Stage = BenchResults['stages'][number];

const TOKENS = 77;
/** Ends the text, and fills it up. */
const END_OF_TEXT = 49407n;

/** Decoder and text encoder, the source's and the bundle's in turn. */
export async function measureStages(request: StagesRequest): Promise<Stage[]> {
  const { components } = await readManifest(request.bundle);
  const feeds: Readonly<Record<string, Feeds>> = {
    // The prompt and what it should be far from.
    text_encoder: {
      input_ids: tensor('int64', [2, TOKENS], new BigInt64Array(2 * TOKENS).fill(END_OF_TEXT)),
    },
    vae_decoder: {
      latent_sample: seededLatents(request.latentDims),
    },
  };
  const stages: Stage[] = [];
  for (const [part, given] of Object.entries(feeds)) {
    const component = components.find(({ name }) => name === part)!;
    stages.push(await measureStage(request, component, given));
  }
  return stages;
}

function seededLatents(dims: readonly number[]): Tensor<'float32'> {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return tensor('float32', [1, ...dims], new TorchGenerator(1).randn(size));
}

async function measureStage(
  { runtime, model, bundle, rounds, signal, log }: StagesRequest,
  { name, form, reason, bytes, sourceBytes }: BundleManifest['components'][number],
  feeds: Feeds,
): Promise<Stage> {
  log(`${name} in turn with the source's`);
  const float = await loadGraph(runtime, model, `${name}/model.onnx`);
  const ours = await loadGraph(runtime, bundle, `${name}/model.onnx`);
  try {
    const calls = await interleave(
      {
        float: async () => void (await float.run(feeds)),
        ours: async () => void (await ours.run(feeds)),
      },
      { rounds, warmUps: 1, signal },
      () => {},
    );
    return { part: name, form, reason, ...calls, floatBytes: sourceBytes, bytes };
  } finally {
    await Promise.all([float.dispose(), ours.dispose()]);
  }
}

/** A tiny decoder in float, as it travels in a bundle. */
export async function measureTinyDecoder(
  { runtime, model, latentDims, rounds, signal, log }: StagesRequest,
  tiny: Storage,
): Promise<Spread> {
  log('tiny decoder');
  const storage = await withTinyDecoder(model, tiny);
  const decoder = await loadGraph(runtime, storage, 'tiny_decoder/model.onnx');
  const feeds = { [decoder.inputs[0]!.name]: seededLatents(latentDims) };
  try {
    const call = async () => void (await decoder.run(feeds));
    return (await interleave({ call }, { rounds, warmUps: 1, signal }, () => {})).call;
  } finally {
    await decoder.dispose();
  }
}

/** An image from its prompt to its pixels: the parts around the loop are the same whatever the loop is. */
export function wholeImages(stages: readonly Stage[], loops: BenchResults['loops']): BenchResults['images'] {
  const seconds = (of: 'float' | 'ours') => stages.reduce((sum, stage) => sum + stage[of].medianMs / 1000, 0);
  return loops.map((loop) => {
    const floatSeconds = loop.floatSeconds + seconds('float');
    const ours = loop.seconds + seconds('ours');
    return { ...loop, floatSeconds, seconds: ours, speedup: floatSeconds / ours };
  });
}
