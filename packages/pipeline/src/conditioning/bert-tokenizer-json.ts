import { CacheQuantError } from '@cachequant/tensor';

const UNKNOWN = '[UNK]';
const START = '[CLS]';
const END = '[SEP]';

/**
 * The `tokenizer.json` that transformers makes of BERT's `vocab.txt`: WordPiece, with [CLS] before a text and [SEP]
 * behind it.
 * @param vocabulary one token a line; its id is the line's number, from 0
 * @param config of `tokenizer_config.json`: `do_lower_case`, `strip_accents`, `tokenize_chinese_chars`
 * @throws CacheQuantError `unsupported` for a vocabulary without BERT's special tokens
 */
export function bertTokenizerJson(
  vocabulary: string,
  config: Readonly<Record<string, unknown>>,
  where: string,
): object {
  const tokens = vocabulary.replace(/\r?\n$/, '').split(/\r?\n/);
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const missing = [UNKNOWN, START, END].filter((token) => vocab[token] === undefined);
  if (missing.length > 0) {
    throw new CacheQuantError('unsupported', `the vocabulary has no ${missing.join(' and no ')}`, {
      where,
      expected: "a vocabulary of BERT's form",
      hint: 'Save the tokenizer as tokenizer.json with transformers (use_fast=True)',
    });
  }
  const lowercase = config.do_lower_case !== false;
  return {
    added_tokens: [UNKNOWN, START, END, '[PAD]', '[MASK]'].flatMap((content) =>
      vocab[content] === undefined
        ? []
        : {
            id: vocab[content],
            content,
            special: true,
            normalized: false,
            lstrip: false,
            rstrip: false,
            single_word: false,
          },
    ),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: typeof config.strip_accents === 'boolean' ? config.strip_accents : null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special(START), { Sequence: { id: 'A', type_id: 0 } }, special(END)],
      pair: [
        special(START),
        { Sequence: { id: 'A', type_id: 0 } },
        special(END),
        { Sequence: { id: 'B', type_id: 1 } },
        { SpecialToken: { id: END, type_id: 1 } },
      ],
      special_tokens: Object.fromEntries(
        [START, END].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: UNKNOWN,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

function special(id: string): object {
  return { SpecialToken: { id, type_id: 0 } };
}
