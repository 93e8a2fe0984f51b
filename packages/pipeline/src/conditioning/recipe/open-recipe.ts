import type { Session, Tensor } from '@cachequant/tensor';
import type { Conditioning } from '../../denoise/denoiser.js';
import type { ChangeGraph } from '../../model/load-graph.js';
import { readNpy } from '../../model/npy.js';
import type { ConditioningEncoder, EncodeOptions, OpenConditioningContext } from '../conditioning-encoder.js';
import {
  type EncodedPrompt,
  hiddenStatesOutput,
  type PromptEncoder,
  type TextOutputs,
} from '../prompt-encoder.js';
import { windowsOf } from '../prompt-windows.js';
import {
  openAll,
  openTextEncoder,
  penultimate,
  refusePromptOptions,
  warnOfDropped,
} from '../text-encoder-part.js';
import { type ConditioningRecipe, type EncoderRecipe, foldersOf } from './conditioning-recipe.js';
import { type ControlEmbedding, openControlEmbedding } from './control-sources.js';
import { evaluateSource, zerosLike } from './evaluate-source.js';
import { fittingArray } from './fitting-array.js';
import { type GraphEmbedding, openGraphEmbedding } from './graph-embedding.js';
import type { SourceContext } from './source-context.js';

/**
 * Opens the text encoders and graphs that a recipe names, for making what it describes.
 * @throws CacheQuantError `storage` when the folder lacks one, `unsupported` when an output is missing
 */
export async function openRecipe(
  recipe: ConditioningRecipe,
  context: OpenConditioningContext,
): Promise<ConditioningEncoder> {
  const { prompts = {}, inputs } = context;
  if (recipe.takesText && recipe.windowed === undefined) {
    refusePromptOptions(prompts, recipe.family, recipe.skipsLayers ? 'skips layers' : 'skips none');
  }
  const names = Object.keys(recipe.encoders);
  const { graphs: read, controls: followed } = foldersOf(recipe);
  const folders = read.filter((folder) => !names.includes(folder) && !followed.includes(folder));
  const files = await readFiles(recipe, context);
  const opened = await openAll<(PromptEncoder | GraphEmbedding | ControlEmbedding)[]>(
    ...names.map((name) => () => openEncoder(name, recipe.encoders[name]!, context)),
    ...folders.map((folder) => () => openGraphEmbedding(folder, context)),
    ...followed.map((folder) => () => openControlEmbedding(folder, context)),
  );
  const encoders = new Map(names.map((name, i) => [name, opened[i] as PromptEncoder]));
  const graphs = new Map(folders.map((folder, i) => [folder, opened[names.length + i] as GraphEmbedding]));
  const controls = new Map(
    followed.map((folder, i) => [folder, opened.at(i - followed.length) as ControlEmbedding]),
  );
  const input = inputs.find(({ name }) => name === recipe.windowed);
  return {
    async encode(request, half, { warn, signal } = {}) {
      const text = (half === 'conditional' ? request.prompt : request.negativePrompt) ?? '';
      const count = input ? windowsOf([...encoders.values()], request, { input, prompts }) : 1;
      const texts = await encodeAll(recipe, encoders, { text, count, signal });
      warnOfDropped(texts.get(recipe.limitedBy ?? names[0] ?? '')?.droppedWords ?? [], warn);
      const conditioning = await conditioningOf(recipe, {
        request,
        half,
        texts,
        graphs,
        controls,
        files,
        signal,
      });
      const withoutText = half === 'unconditional' && text === '' ? (recipe.zerosWithoutText ?? []) : [];
      return {
        ...conditioning,
        ...Object.fromEntries(withoutText.map((name) => [name, zerosLike(conditioning[name]!)])),
      };
    },
    async dispose() {
      await Promise.all(opened.map((each) => each.dispose()));
    },
  };
}

/** A text as it is to be encoded. */
interface AskedText {
  readonly text: string;
  /** Windows that it takes. */
  readonly count: number;
  readonly signal: EncodeOptions['signal'];
}

/** By the encoders' names, one after another: each takes all processors. */
async function encodeAll(
  recipe: ConditioningRecipe,
  encoders: ReadonlyMap<string, PromptEncoder>,
  { text, count, signal }: AskedText,
): Promise<Map<string, EncodedPrompt>> {
  const texts = new Map<string, EncodedPrompt>();
  for (const [name, encoder] of encoders) {
    const own = recipe.encoders[name]!.lowerCase ? text.toLowerCase().trim() : text;
    texts.set(name, await encoder.encode(own, signal, count));
  }
  return texts;
}

/** Once, so that a wrong one is refused before anything slow begins. */
async function readFiles(
  recipe: ConditioningRecipe,
  { folder: { storage }, inputs }: OpenConditioningContext,
): Promise<Map<string, Tensor>> {
  const files = new Map<string, Tensor>();
  for (const path of foldersOf(recipe).files) files.set(path, readNpy(await storage.read(path), path));
  for (const [name, source] of Object.entries(recipe.inputs)) {
    const input = inputs.find((each) => each.name === name);
    if (source.from !== 'file' || input === undefined) continue;
    files.set(source.file, fittingArray(input, files.get(source.file)!, source.file));
  }
  return files;
}

async function conditioningOf(recipe: ConditioningRecipe, made: SourceContext): Promise<Conditioning> {
  const conditioning: Record<string, Conditioning[string]> = {};
  for (const [name, source] of Object.entries(recipe.inputs)) {
    conditioning[name] = await evaluateSource(source, recipe, made);
  }
  return conditioning;
}

async function openEncoder(
  encoder: string,
  recipe: EncoderRecipe,
  { folder, load, prompts }: OpenConditioningContext,
): Promise<PromptEncoder> {
  const { tokenizer, length, padding, hiddenStates, pooled } = recipe;
  const part = {
    encoder,
    tokenizer,
    ...(length !== undefined && { length }),
    ...(padding !== undefined && { padding }),
  };
  const skipped = prompts?.clipSkip ?? 0;
  const change = hiddenStates === undefined ? await withoutLastLayers(skipped) : undefined;
  const choose = (outputs: Session['outputs']): TextOutputs => ({
    ...statesOf(hiddenStates, skipped, outputs),
    ...(pooled !== undefined && { pooled }),
  });
  return openTextEncoder(folder, load, part, choose, { prompts, change });
}

function statesOf(
  hiddenStates: string | undefined,
  skipped: number,
  outputs: Session['outputs'],
): TextOutputs {
  if (hiddenStates === undefined) return { hiddenStates: hiddenStatesOutput({ outputs }) };
  if (hiddenStates === 'penultimate') return penultimate(skipped)(outputs.map(({ name }) => name));
  return { hiddenStates };
}

/** The last hidden states of CLIP's encoders lie behind a norm, which those before it have to go through as well. */
async function withoutLastLayers(count: number): Promise<ChangeGraph | undefined> {
  if (count === 0) return undefined;
  // Pages that skip nothing need not fetch it.
  const { skipLastLayers } = await import('../clip-skip.js');
  return (model) => skipLastLayers(model, hiddenStatesOutput(model.graph), count);
}
