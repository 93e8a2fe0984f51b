import { type Command, InvalidArgumentError, Option } from 'commander';
import { repeated } from '../options/parse-arguments.js';
import type { GivenParts } from './given-parts.js';

const PREDICTIONS = ['epsilon', 'v_prediction', 'sample', 'flow_prediction', 'consistency'] as const;

/** What a network predicts, as the command line says it. */
export type Prediction = (typeof PREDICTIONS)[number];

/** Options of the commands that take a model, on how it is read. */
export interface SourceOptions {
  readonly revision?: string;
  readonly lora?: readonly string[];
  readonly embedding?: readonly string[];
  readonly controlnet?: string;
  readonly tokenizer?: string;
  readonly vae?: string;
  readonly textEncoder?: string;
  readonly textEncoder2?: string;
  readonly tinyDecoder?: string;
  readonly config?: string;
  readonly prediction?: Prediction;
  /** Of a lone graph: `role=input`, or `input=source`. */
  readonly input?: readonly string[];
  /** Of a lone graph: the output that predicts. */
  readonly output?: string;
}

/** What a command that takes a model says of it. */
export const MODEL_KINDS =
  "a model folder (ONNX or safetensors), one .safetensors or .gguf file, or a model's id on the Hugging Face Hub";

export function addSourceOptions(command: Command): Command {
  return command
    .optionsGroup('The model:')
    .option('--revision <name>', "branch, tag or commit of a model on the Hub (default: 'main')")
    .option(
      '--lora <file[:weight]>',
      'a LoRA to merge into the model, at this weight (default: 1); may be given several times',
      repeatedLora,
    )
    .option(
      '--embedding <file[:word]>',
      'a textual inversion, and what stands for it in prompts (default: as the file says, else its name); may be given several times',
      repeated,
    )
    .option(
      '--tiny-decoder <folder>',
      'a tiny decoder for previews and --decoder tiny: the folder of an AutoencoderTiny, or its id on the Hub (default: taesd/ or tiny_vae/ of the model)',
    )
    .option(
      '--controlnet <folder>',
      'a ControlNet to put beside the model: its folder (safetensors or ONNX), or its id on the Hub',
    )
    .option('--config <folder>', 'configurations for a single file, in place of the usual ones of its kind')
    .option(
      '--tokenizer <folder>',
      'the tokenizer for a single file, which has none; or a model folder that has it',
    )
    .option(
      '--vae <model>',
      'the autoencoder for a single file that has none, or in place of its own: a file, a folder, or an id',
    )
    .option('--text-encoder <model>', 'the same for the text encoder')
    .option('--text-encoder-2 <model>', 'the same for the second text encoder of SDXL')
    .addOption(
      new Option(
        '--prediction <type>',
        'what the network of a single file predicts, if it is detected wrongly, or what an ONNX graph does',
      ).choices([...PREDICTIONS]),
    )
    .option(
      '--input <name=source>',
      'what an input of a lone ONNX graph takes: sample=<input>, time=<input>, <input>=<number>, <input>=<array.npy>, <input>=class:<classes>[:<label for none>], <input>=guidance, width or height; may be given several times',
      repeated,
    )
    .option('--output <name>', 'the output of a lone ONNX graph that predicts, where it has several');
}

/** Parts of single files by the options that name them. */
export function givenParts({ vae, textEncoder, textEncoder2 }: SourceOptions): GivenParts {
  return {
    ...(vae !== undefined && { vae }),
    ...(textEncoder !== undefined && { text_encoder: textEncoder }),
    ...(textEncoder2 !== undefined && { text_encoder_2: textEncoder2 }),
  };
}

/** A LoRA as the command line names it. */
export interface NamedLora {
  readonly file: string;
  readonly strength: number;
}

/** A textual inversion as the command line names it. */
export interface NamedEmbedding {
  readonly file: string;
  /** Left out: the file's own, or else its name. */
  readonly word: string | undefined;
}

/** `file.safetensors`, `file.safetensors:word`, `owner/name` or `owner/name:word`. */
export function parseEmbedding(text: string): NamedEmbedding {
  const [, file = text, word] = /^(.+\.safetensors|[^:/\\]+\/[^:/\\]+)(?::(.+))?$/i.exec(text) ?? [];
  return { file, word };
}

function repeatedLora(text: string, earlier?: readonly string[]): string[] {
  const { strength } = parseLora(text);
  if (!Number.isFinite(strength))
    throw new InvalidArgumentError('Expected a form such as style.safetensors:0.8.');
  return repeated(text, earlier);
}

/** `file` or `file:weight`. A name may have colons, as long as no number follows the last one. */
export function parseLora(text: string): NamedLora {
  const [, file, weight] = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+))$/.exec(text) ?? [];
  return file === undefined ? { file: text, strength: 1 } : { file, strength: Number(weight) };
}
