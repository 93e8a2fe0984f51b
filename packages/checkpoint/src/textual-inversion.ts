import { CacheQuantError, toBytes } from '@cachequant/tensor';
import { readFloat32 } from './read-float32.js';
import { checkRange } from './stored-weights.js';
import type { ElementRange, WeightDType, WeightLocation, WeightSource } from './weight-source.js';
import { countOf } from './weight-types.js';

/** Vectors that stand for a word in a prompt, for one or two text encoders. */
export interface TextualInversion {
  /**
   * What the tokenizer must know, one for each vector, in order: `<word>`, `<word>_1`, `<word>_2`, … A prompt with
   * `<word>` is read as if it had all of them, as in diffusers.
   */
  readonly tokens: readonly string[];
  /** By text encoder. Shape of each: [tokens, width], row by row. */
  readonly vectors: ReadonlyMap<'text_encoder' | 'text_encoder_2', Float32Array>;
}

const ENCODERS: readonly (readonly [key: RegExp, encoder: 'text_encoder' | 'text_encoder_2'])[] = [
  [/^(clip_l|text_encoders_0)$/, 'text_encoder'],
  [/^(clip_g|text_encoders_1)$/, 'text_encoder_2'],
];

/** Names that programs give the vectors, as opposed to the word itself. */
const NO_WORD = /^(emb_params|string_to_param\.\*|\*|<concept>)$/;

/**
 * Reads a textual inversion: as diffusers saves it (one tensor under the word), Automatic1111 (`emb_params`), or for
 * SDXL (`clip_l` and `clip_g`).
 *
 * @param options.word what stands for it in prompts; by default the word in the file
 * @throws CacheQuantError `checkpoint-format` for other files, `invalid-argument` where the file has no word and none
 *   was given
 */
export async function openTextualInversion(
  source: WeightSource,
  options: { word?: string } = {},
): Promise<TextualInversion> {
  const names = [...source.names()];
  const paired = names.flatMap((name) =>
    ENCODERS.flatMap(([key, encoder]) => (key.test(name) ? [[encoder, name] as const] : [])),
  );
  const single = names.length === 1 && paired.length === 0 ? names[0] : undefined;
  const places = single === undefined ? paired : ([['text_encoder', single]] as const);
  const counts = new Set(places.map(([, name]) => countVectors(source, name)));
  if (counts.size !== 1 || places.length !== names.length) noInversion(names);
  const written = single === undefined || NO_WORD.test(single) ? undefined : single;
  const word = options.word ?? written ?? noWord();
  const vectors = new Map<'text_encoder' | 'text_encoder_2', Float32Array>();
  for (const [encoder, name] of places) vectors.set(encoder, await readFloat32(source, name));
  const count = [...counts][0]!;
  return { tokens: Array.from({ length: count }, (_, i) => (i === 0 ? word : `${word}_${i}`)), vectors };
}

/** As files of all versions of transformers have it, and as the fifth version saves it. */
const EMBEDDINGS = ['text_model.embeddings.token_embedding.weight', 'embeddings.token_embedding.weight'];

/**
 * Rows of a text encoder's token embedding: the number of its tokens.
 * @throws CacheQuantError `checkpoint-format` for weights that are not those of CLIP's text encoder
 */
export function tokenCount(source: WeightSource): number {
  return source.shapeOf(embeddingOf(source))[0]!;
}

function embeddingOf(source: WeightSource): string {
  const found = EMBEDDINGS.find((name) => source.has(name));
  if (found !== undefined) return found;
  throw new CacheQuantError('checkpoint-format', "the text encoder is not CLIP's", {
    where: 'textual inversion',
    expected: EMBEDDINGS.join(' or '),
  });
}

/**
 * The weights of a text encoder with more rows in its token embedding. The new tokens have the next numbers:
 * the first one that of the embedding's rows before.
 *
 * @param vectors Shape: [tokens, width], row by row
 * @throws CacheQuantError `shape` where the width is another: the inversion was trained for another model
 */
export function addTokens(source: WeightSource, vectors: Float32Array): WeightSource {
  const name = embeddingOf(source);
  const [rows, width] = source.shapeOf(name) as [number, number];
  if (vectors.length === 0 || vectors.length % width !== 0) {
    throw new CacheQuantError('shape', 'the vectors do not fit the text encoder', {
      where: 'textual inversion',
      expected: `vectors of ${width} numbers`,
      got: `${vectors.length} numbers`,
      hint: 'It was trained for another model; its page says for which',
    });
  }
  return new ExtendedEmbedding(source, { name, dims: [rows + vectors.length / width, width], vectors });
}

class ExtendedEmbedding implements WeightSource {
  readonly #source: WeightSource;
  readonly #name: string;
  readonly #dims: readonly number[];
  readonly #vectors: Float32Array;

  constructor(
    source: WeightSource,
    {
      name,
      dims,
      vectors,
    }: { readonly name: string; readonly dims: readonly number[]; readonly vectors: Float32Array },
  ) {
    this.#source = source;
    this.#name = name;
    this.#dims = dims;
    this.#vectors = vectors;
  }

  names(): Iterable<string> {
    return this.#source.names();
  }

  has(name: string): boolean {
    return this.#source.has(name);
  }

  shapeOf(name: string): readonly number[] {
    return name === this.#name ? this.#dims : this.#source.shapeOf(name);
  }

  dtypeOf(name: string): WeightDType {
    return name === this.#name ? 'float32' : this.#source.dtypeOf(name);
  }

  location(name: string): WeightLocation | undefined {
    return name === this.#name ? undefined : this.#source.location(name);
  }

  async read(name: string, range?: ElementRange): Promise<Uint8Array> {
    if (name !== this.#name) return this.#source.read(name, range);
    const { start, count } = checkRange(name, this.#dims, range);
    const known = countOf(this.#dims) - this.#vectors.length;
    const old = Math.max(0, Math.min(count, known - start));
    const values = new Float32Array(count);
    if (old > 0) values.set(await readFloat32(this.#source, name, { start, count: old }));
    const first = start + old - known;
    if (count > old) values.set(this.#vectors.subarray(first, first + count - old), old);
    return toBytes(values);
  }
}

function countVectors(source: WeightSource, name: string): number {
  const shape = source.shapeOf(name);
  return shape.length === 1 ? 1 : shape.length === 2 ? shape[0]! : 0;
}

function noInversion(names: readonly string[]): never {
  throw new CacheQuantError('checkpoint-format', 'this file holds no textual inversion', {
    where: 'names of the weights',
    expected: 'one tensor [tokens, width] or [width], or clip_l and clip_g with as many tokens each',
    got: names.slice(0, 5).join(', '),
  });
}

function noWord(): never {
  throw new CacheQuantError('invalid-argument', 'the file does not say which word its vectors stand for', {
    where: 'word',
    hint: 'Give it one, such as the name of the file',
  });
}
