import { meanOf, psnr } from '@cachequant/evaluate';
import { loadGraph, type ModelFolder, readTokenizer } from '@cachequant/pipeline';
import { promptFeeds, toRgbImages } from '@cachequant/pipeline/internals';
import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';
import type { CalibrationContext } from '../calibration-context.js';
import { sizesOf } from '../sizes/picture-size.js';
import type { StageRunner } from '../work/stage-runner.js';
import {
  type ComponentAttempt,
  type ComponentDecision,
  type ComponentName,
  decideComponent,
} from './component.js';
import { type ComponentSource, integerComponent, storeComponent } from './make-component.js';
import { bytesOf, type ComponentComparison, measureComponent, signalToNoise } from './measure-component.js';

/** More than this would take longer without saying more. */
const MOST_INPUTS = 16;
/** Below, hidden states differ enough to change pictures; measured on text encoders of CLIP's kind. */
const TEXT_FLOOR = 35;

type Feeds = Readonly<Record<string, Tensor>>;

/**
 * Takes the decoder and the text encoder through the quantizer, and decides for each whether it pays.
 * @param latents of the calibration images, as the sampler left them; even ones calibrate, odd ones judge
 */
export async function optimizeComponents(
  context: CalibrationContext,
  runner: StageRunner,
  folder: ModelFolder,
  latents: Float32Array,
): Promise<readonly ComponentDecision[]> {
  if (context.recipe.components === 'keep') return [];
  const decisions: ComponentDecision[] = [];
  if (folder.vaeDecoder) {
    decisions.push(await runner.stage({ kind: 'decoder' }, () => optimizeDecoder(context, folder, latents)));
  }
  if (folder.textEncoder && folder.tokenizer) {
    decisions.push(await runner.stage({ kind: 'text encoder' }, () => optimizeTextEncoder(context, folder)));
  }
  return decisions;
}

async function optimizeDecoder(
  context: CalibrationContext,
  folder: ModelFolder,
  latents: Float32Array,
): Promise<ComponentDecision> {
  const { model: path, config } = folder.vaeDecoder!;
  const source: ComponentSource = { name: 'vae_decoder', folder, path };
  return attempting(source, context.recipe.decoderFloor, async (attempts) => {
    const { input, output } = await endsOf(context, folder, path);
    const inputs = latentInputs(
      context,
      latents,
      (value) => value / config.scaling_factor + (config.shift_factor ?? 0),
    );
    const judged = inputs.length > 1 ? inputs.filter((_, i) => i % 2 === 1) : inputs;
    const compare = (form: ComponentAttempt['form'], made: string) =>
      measureComponent(context, {
        form,
        source: { storage: folder.storage, path },
        made,
        inputs: judged.map((value): Feeds => ({ [input]: value })),
        output,
        quality: picturePsnr,
      });
    // Its graph has one size.
    const integer =
      sizesOf(context.recipe).further.length > 0
        ? undefined
        : await integerComponent(
            context,
            source,
            inputs.filter((_, i) => i % 2 === 0),
          );
    if (integer) attempts.push(await compare('integers', integer));
    attempts.push(await compare('stored as integers', await storeComponent(context, source)));
  });
}

async function optimizeTextEncoder(
  context: CalibrationContext,
  folder: ModelFolder,
): Promise<ComponentDecision> {
  const { model: path, config } = folder.textEncoder!;
  const source: ComponentSource = { name: 'text_encoder', folder, path };
  return attempting(source, TEXT_FLOOR, async (attempts) => {
    const { inputs, hiddenStates } = await endsOf(context, folder, path);
    const tokenizer = await readTokenizer(
      folder.storage,
      folder.tokenizer!,
      config.max_position_embeddings ?? undefined,
    );
    const prompts = [...new Set(context.calibration.map(({ prompt }) => prompt))].slice(0, MOST_INPUTS);
    const comparison: ComponentComparison = {
      form: 'stored as integers',
      source: { storage: folder.storage, path },
      made: await storeComponent(context, source),
      inputs: prompts.map((prompt) => promptFeeds(inputs, tokenizer.encode(prompt))),
      output: hiddenStates,
      quality: signalToNoise,
    };
    attempts.push(await measureComponent(context, comparison));
  });
}

/** A part that cannot be taken through the quantizer goes into the bundle as it is; the run does not fail for it. */
async function attempting(
  { name, folder, path }: ComponentSource,
  floor: number,
  attempt: (attempts: ComponentAttempt[]) => Promise<void>,
): Promise<ComponentDecision> {
  const sourceBytes = await bytesOf(folder.storage, path);
  const attempts: ComponentAttempt[] = [];
  try {
    await attempt(attempts);
  } catch (error) {
    if (!CacheQuantError.is(error) || PASSED_ON.has(error.code)) throw error;
    if (attempts.length === 0) return copied(name, sourceBytes, error.message);
  }
  return decideComponent(name, sourceBytes, attempts, floor);
}

/** What has nothing to do with the part itself. */
const PASSED_ON: ReadonlySet<string> = new Set(['aborted', 'storage']);

function copied(name: ComponentName, sourceBytes: number, reason: string): ComponentDecision {
  return { name, form: 'as in the source', reason, sourceBytes, bytes: sourceBytes, attempts: [] };
}

/** Names at both ends of a graph. */
async function endsOf(context: CalibrationContext, folder: ModelFolder, path: string) {
  const session = await loadGraph(context.runtime, folder.storage, path);
  try {
    const { inputs, outputs } = session;
    const states = outputs.find(({ name }) => name === 'last_hidden_state') ?? outputs[0]!;
    return { inputs, input: inputs[0]!.name, output: outputs[0]!.name, hiddenStates: states.name };
  } finally {
    await session.dispose();
  }
}

function latentInputs(
  { latentDims }: CalibrationContext,
  latents: Float32Array,
  scaled: (value: number) => number,
): Tensor<'float32'>[] {
  const size = latentDims.reduce((product, dim) => product * dim, 1);
  const count = Math.min(MOST_INPUTS, latents.length / size);
  return Array.from({ length: count }, (_, i) =>
    tensor('float32', [1, ...latentDims], latents.slice(i * size, (i + 1) * size).map(scaled)),
  );
}

function picturePsnr(truth: readonly Tensor[], given: readonly Tensor[]): number {
  const pictureOf = (value: Tensor) => toRgbImages(value as Tensor<'float32'>)[0]!;
  const each = truth.map((value, i) => Math.min(100, psnr(pictureOf(value), pictureOf(given[i]!))));
  return meanOf(each);
}
