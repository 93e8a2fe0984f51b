import type { CliIo } from '../io.js';
import { UsageError } from '../options/usage-error.js';
import { createProgress } from '../print/progress.js';
import { openWholeModel } from './open-model.js';
import type { OpenedModelSource } from './open-model-source.js';
import type { SourceOptions } from './source-options.js';

/** How commands that take several models are given each of them. */
export const NAMED_MODELS =
  'bundles, model folders, .safetensors or .gguf files, or ids on the Hugging Face Hub, each as <model> or <name>=<model>';

/** A model, and the name that requests call it by. */
export interface NamedModel extends OpenedModelSource {
  readonly id: string;
}

/** Options on how one model is read. */
const READING = [
  ...['revision', 'lora', 'embedding', 'config', 'tokenizer', 'vae', 'textEncoder', 'textEncoder2'],
  ...['tinyDecoder', 'controlnet', 'prediction', 'input', 'output'],
] as readonly (keyof SourceOptions)[];

/**
 * Opens models that were each given as `<model>` or `<name>=<model>`.
 * @throws UsageError where options on how a model is read could mean any of several models
 */
export async function openNamedModels(
  given: readonly string[],
  options: SourceOptions,
  io: CliIo,
): Promise<NamedModel[]> {
  const option = READING.find((name) => options[name] !== undefined);
  if (given.length > 1 && option !== undefined) {
    const flag = option.replace(/[A-Z]|\d/g, (part) => `-${part.toLowerCase()}`);
    throw new UsageError(`--${flag} says how one model is read, and ${given.length} are given`);
  }
  const models: NamedModel[] = [];
  for (const one of given) models.push(await openNamedModel(one, options, io));
  return models;
}

async function openNamedModel(given: string, options: SourceOptions, io: CliIo): Promise<NamedModel> {
  const [, name, place = given] = /^([\w.-]+)=(.+)$/.exec(given) ?? [];
  const opened = await openWholeModel(place, options, io, createProgress(io.stderr));
  return { ...opened, id: name ?? opened.origin.name.replace(/\.(safetensors|gguf|onnx)$/i, '') };
}
