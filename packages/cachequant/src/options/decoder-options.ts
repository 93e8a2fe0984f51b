import type { DecodeTiling, GeneratorOptions } from '@cachequant/pipeline';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { integer } from './parse-arguments.js';

/** Options of the commands that make pictures of latents. */
export interface DecoderCommandOptions {
  readonly decoder?: 'full' | 'tiny';
  readonly decodeTile?: DecodeTiling;
}

export function addDecoderOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--decoder <kind>',
        "what makes the pictures: the model's own decoder, or its tiny one, faster and less exact (default: full)",
      ).choices(['full', 'tiny']),
    )
    .option(
      '--decode-tile <latents>',
      'decode larger pictures in tiles of this side, which takes less memory: a number, auto (64 where the whole takes more than 4 GiB) or never (default: auto)',
      parseTiling,
    );
}

/** How latents become pictures, as far as the options say. */
export function decoderOptionsOf({
  decoder,
  decodeTile,
}: DecoderCommandOptions): Pick<GeneratorOptions, 'decoder' | 'decodeTile'> {
  return { ...(decoder && { decoder }), ...(decodeTile !== undefined && { decodeTile }) };
}

function parseTiling(text: string): DecodeTiling {
  if (text === 'auto' || text === 'never') return text;
  try {
    return integer(8)(text);
  } catch {
    throw new InvalidArgumentError('Expected a whole number from 8, auto or never.');
  }
}
