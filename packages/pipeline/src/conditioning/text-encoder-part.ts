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

/** A text encoder of a folder and its tokenizer. */
export interface TextEncoderPart {
  readonly encoder: string;
  readonly tokenizer: string;
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
  { encoder, tokenizer }: TextEncoderPart,
  choose?: (outputs: readonly string[]) => TextOutputs,
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
  const words = await readTokenizer(storage, tokenizer, config?.max_position_embeddings ?? undefined);
  const session = await load(graph!, change);
  try {
    const outputs = choose?.(session.outputs.map(({ name }) => name));
    requireOutputs(session, outputs, encoder);
    return new PromptEncoder(session, words, { outputs, weighted: prompts.weights, where: encoder });
  } catch (error) {
    await session.dispose();
    throw error;
  }
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
