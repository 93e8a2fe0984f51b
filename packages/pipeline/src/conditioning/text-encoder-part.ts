import { CacheQuantError, type Session } from '@cachequant/tensor';
import { textEncoderConfigSchema } from '../model/component-configs.js';
import { findGraph } from '../model/find-graph.js';
import type { ChangeGraph } from '../model/load-graph.js';
import type { ModelFolder } from '../model/model-folder.js';
import { readOptionalJson } from '../model/read-json.js';
import type { OpenConditioningContext } from './conditioning-encoder.js';
import { PromptEncoder, type TextOutputs } from './prompt-encoder.js';
import type { PromptOptions } from './prompt-options.js';
import { readTokenizer } from './read-tokenizer.js';
import type { Warn } from './warnings.js';

/** A text encoder of a folder and its tokenizer. */
export interface TextEncoderPart {
  readonly encoder: string;
  readonly tokenizer: string;
  /** Tokens of every prompt; left out: as many as the tokenizer says. */
  readonly length?: number;
  /** What becomes of padding: `attended` as if it were text, or `masked`, which the graph must be able to. */
  readonly padding?: 'attended' | 'masked';
}

/** How a text encoder reads prompts, and what is changed in its graph. */
export interface TextEncoderOptions {
  readonly prompts?: PromptOptions | undefined;
  readonly change?: ChangeGraph | undefined;
}

/**
 * Loads a text encoder with its tokenizer.
 * @param choose the outputs to take, by what the graph has; left out: its last hidden states
 * @throws CacheQuantError `storage` when the folder lacks one of them, `unsupported` when an output is missing
 */
export async function openTextEncoder(
  { storage }: Pick<ModelFolder, 'storage'>,
  load: OpenConditioningContext['load'],
  { encoder, tokenizer, length, padding }: TextEncoderPart,
  choose?: (outputs: Session['outputs']) => TextOutputs,
  { prompts = {}, change }: TextEncoderOptions = {},
): Promise<PromptEncoder> {
  const graph = await findGraph(storage, encoder);
  for (const [folder, there] of [
    [encoder, graph !== undefined],
    [tokenizer, (await storage.list(tokenizer)).length > 0],
  ] as const) {
    if (!there) throw new CacheQuantError('storage', 'the model lacks a part', { where: `${folder}/` });
  }
  const config = await readOptionalJson(storage, `${encoder}/config.json`, textEncoderConfigSchema);
  const most = config?.max_position_embeddings ?? undefined;
  const words = await readTokenizer(storage, tokenizer, most, length);
  const session = await load(graph!, change);
  try {
    const outputs = choose?.(session.outputs);
    requireOutputs(session, outputs, encoder);
    if (padding === 'masked') requireMask(session, encoder);
    const attendsToPadding = padding === 'attended';
    const { weights: weighted } = prompts;
    return new PromptEncoder(session, words, { outputs, weighted, attendsToPadding, where: encoder });
  } catch (error) {
    await session.dispose();
    throw error;
  }
}

/**
 * The states before the last layer. Graphs have the outputs `hidden_states.0` to `hidden_states.L`: the embeddings, and
 * what each of L layers gives.
 * @param skipped further layers to leave out
 */
export function penultimate(skipped = 0): (outputs: readonly string[]) => TextOutputs {
  return (outputs) => {
    const layers = outputs.filter((name) => /^hidden_states\.\d+$/.test(name)).length - 1;
    if (skipped > 0) requireLayers(layers, skipped);
    return { hiddenStates: `hidden_states.${Math.max(0, layers - 1 - skipped)}` };
  };
}

function requireLayers(layers: number, skipped: number): void {
  if (skipped < layers) return;
  throw new CacheQuantError(
    'invalid-argument',
    'the text encoder has no more layers than are to be skipped',
    {
      where: 'clipSkip',
      expected: `0 to ${Math.max(0, layers - 1)}`,
      got: String(skipped),
    },
  );
}

function requireOutputs({ outputs }: Session, chosen: TextOutputs | undefined, where: string): void {
  const names = outputs.map(({ name }) => name);
  const missing = Object.values(chosen ?? {}).find((name) => !names.includes(name));
  if (missing === undefined) return;
  throw new CacheQuantError('unsupported', `the text encoder does not give ${missing}`, {
    where,
    got: names.join(', '),
    hint: 'Export it with hidden states, as optimum does for this family.',
  });
}

function requireMask({ inputs }: Session, where: string): void {
  if (inputs.some(({ name }) => name === 'attention_mask')) return;
  throw new CacheQuantError('unsupported', 'the text encoder cannot leave padding out', {
    where,
    expected: 'the inputs input_ids and attention_mask',
    got: inputs.map(({ name }) => name).join(', '),
    hint: 'Export it with its attention mask.',
  });
}

/** Frees what was opened before where something that is opened after it fails. */
export async function openAll<T extends readonly { dispose(): Promise<void> }[]>(
  ...open: { readonly [K in keyof T]: () => Promise<T[K]> }
): Promise<T> {
  const opened: { dispose(): Promise<void> }[] = [];
  try {
    for (const each of open) opened.push(await each());
    return opened as unknown as T;
  } catch (error) {
    await Promise.all(opened.map((each) => each.dispose()));
    throw error;
  }
}

/** Says what an encoder had no room for. */
export function warnOfDropped(droppedWords: readonly string[], warn: Warn | undefined): void {
  if (droppedWords.length > 0) warn?.(`the prompt is too long; left out: ${droppedWords.join(' ')}`);
}

/**
 * Refuses what a family does not do with prompts, which must not be left out unsaid.
 * @throws CacheQuantError `unsupported`
 */
export function refusePromptOptions(
  { clipSkip = 0, chunks = 1 }: PromptOptions,
  name: string,
  skips: 'skips layers' | 'skips none',
): void {
  const refused = chunks > 1 ? 'chunks' : clipSkip > 0 && skips === 'skips none' ? 'clipSkip' : undefined;
  if (refused === undefined) return;
  throw new CacheQuantError('unsupported', `${name} takes no ${refused}`, {
    where: refused,
    got: String(refused === 'chunks' ? chunks : clipSkip),
    hint: 'Leave it out.',
  });
}
