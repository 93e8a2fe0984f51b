import { type ModelFolder, readTokenizer } from '@cachequant/pipeline';
import { wordsOf } from '@cachequant/pipeline/internals';

/** Of the words of all calibration prompts, unknown ones are no accident beyond this share. */
const ODD_SHARE = 0.1;
const SHOWN_WORDS = 6;

/**
 * Says that calibration prompts are not of the kind that the model was made for: activations and features of such
 * prompts are not those of the prompts that a bundle will be given.
 */
export async function promptWarnings(
  { storage, tokenizer }: Pick<ModelFolder, 'storage' | 'tokenizer'>,
  images: readonly { readonly prompt: string }[],
): Promise<string[]> {
  const words = wordsOf(images.map(({ prompt }) => prompt));
  if (tokenizer === undefined || words.length === 0) return [];
  const unknown = (await readTokenizer(storage, tokenizer)).unknownWords(words.join(' '));
  if (unknown.length === 0 || unknown.length < ODD_SHARE * words.length) return [];
  const shown = unknown.slice(0, SHOWN_WORDS).join(', ');
  return [
    `The model's tokenizer does not know ${unknown.length} of the ${words.length} words of the calibration prompts (${shown}${unknown.length > SHOWN_WORDS ? ', …' : ''}): the bundle would be calibrated on what the model was not trained for. Give prompts of its kind (--prompts).`,
  ];
}
