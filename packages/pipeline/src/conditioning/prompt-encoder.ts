import { CacheQuantError, type Session, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../model/convert-tensor.js';
import { requireFinite } from '../model/non-finite.js';
import { type PromptWindow, promptWindows, windowsNeeded } from './prompt-windows.js';
import type { TokenizedPrompt, Tokenizer } from './tokenizer.js';

/** The token ids of a prompt, and what did not fit. */
export interface EncodedPrompt {
  /** [1, S, D] float32; S counts the tokens of all windows. */
  readonly hiddenStates: Tensor<'float32'>;
  /** [1, D] float32, of the first window, where it was asked for. */
  readonly pooled?: Tensor<'float32'>;
  /** [S], 1 for every token that is not padding. */
  readonly attentionMask: readonly number[];
  readonly droppedWords: readonly string[];
}

/** Which outputs of a text encoder's graph are taken. */
export interface TextOutputs {
  readonly hiddenStates: string;
  /** One vector for the whole prompt. */
  readonly pooled?: string;
}

/** What else than the default a prompt encoder does. */
export interface PromptEncoderOptions {
  readonly outputs?: TextOutputs | undefined;
  /** Whether prompts have weights (see `parseWeights`). */
  readonly weighted?: boolean | undefined;
  /** Whether the text attends to its padding, as encoders do that are given no mask. */
  readonly attendsToPadding?: boolean | undefined;
  /** For messages. */
  readonly where?: string | undefined;
}

/** Prompts that are kept; each takes S·D floats (77 × 768: 0.25 MB). */
const CACHED_PROMPTS = 64;

/** Turns prompts into hidden states and remembers the latest. It owns the session. */
export class PromptEncoder {
  private readonly cache = new Map<string, EncodedPrompt>();
  private readonly outputs: TextOutputs;
  private readonly weighted: boolean;
  private readonly where: string;

  constructor(
    private readonly session: Session,
    private readonly tokenizer: Tokenizer,
    private readonly options: PromptEncoderOptions = {},
  ) {
    const { outputs, weighted = false, where = 'text_encoder' } = options;
    this.outputs = outputs ?? { hiddenStates: hiddenStatesOutput(session) };
    this.weighted = weighted;
    this.where = where;
  }

  /** Tokens of a window. */
  get length(): number {
    return this.tokenizer.length;
  }

  /** How many windows a prompt needs: one at least. */
  windowsFor(prompt: string): number {
    return windowsNeeded(this.tokenizer, prompt, this.weighted);
  }

  /**
   * Encodes a prompt, or gives what it encoded to before.
   *
   * A weighted token's hidden state h becomes e + w · (h − e), where e is the one at its place in an empty prompt.
   * @param count windows that the prompt is to take
   * @throws CacheQuantError `runtime`, `unsupported`, `non-finite`, `aborted`
   */
  async encode(prompt: string, signal?: AbortSignal, count = 1): Promise<EncodedPrompt> {
    const key = `${count} ${prompt}`;
    const known = this.cache.get(key);
    if (known !== undefined) return known;
    const { windows, droppedWords } = promptWindows(this.tokenizer, prompt, {
      count,
      weighted: this.weighted,
    });
    const states: Tensor<'float32'>[] = [];
    let pooled: Tensor<'float32'> | undefined;
    for (const window of windows) {
      const encoded = await this.run(window, signal);
      pooled ??= encoded.pooled;
      states.push(
        window.weights
          ? await this.weigh(encoded.hiddenStates, window.weights, signal)
          : encoded.hiddenStates,
      );
    }
    const attentionMask = windows.flatMap((window) => window.attentionMask);
    const hiddenStates = oneAfterAnother(states);
    const result = { hiddenStates, ...(pooled && { pooled }), attentionMask, droppedWords };
    this.remember(key, result);
    return result;
  }

  /** Frees the network. */
  dispose(): Promise<void> {
    this.cache.clear();
    return this.session.dispose();
  }

  private async run(
    window: Pick<PromptWindow, 'ids' | 'attentionMask'>,
    signal: AbortSignal | undefined,
  ): Promise<Pick<EncodedPrompt, 'hiddenStates' | 'pooled'>> {
    const { hiddenStates, pooled } = this.outputs;
    const { ids } = window;
    const seen = this.options.attendsToPadding ? { ids, attentionMask: ids.map(() => 1) } : window;
    const results = await this.session.run(promptFeeds(this.session.inputs, seen), {
      outputs: pooled === undefined ? [hiddenStates] : [hiddenStates, pooled],
      ...(signal && { signal }),
    });
    const read = async (name: string) => {
      const value = await readFloat32(results[name]!);
      await requireFinite(value, this.where);
      return value;
    };
    return {
      hiddenStates: await read(hiddenStates),
      ...(pooled !== undefined && { pooled: await read(pooled) }),
    };
  }

  private async weigh(
    { dims, data }: Tensor<'float32'>,
    weights: Float32Array,
    signal: AbortSignal | undefined,
  ): Promise<Tensor<'float32'>> {
    const { hiddenStates: empty } = await this.encode('', signal);
    const width = dims[2]!;
    const weighed = data.map((value, i) => {
      const base = empty.data[i]!;
      return base + weights[Math.floor(i / width)]! * (value - base);
    });
    return tensor('float32', dims, weighed);
  }

  private remember(key: string, encoded: EncodedPrompt): void {
    this.cache.set(key, encoded);
    const [oldest] = this.cache.keys();
    if (this.cache.size > CACHED_PROMPTS && oldest !== undefined) this.cache.delete(oldest);
  }
}

/** [1, S, D] of each window as [1, Σ S, D]. */
function oneAfterAnother(states: readonly Tensor<'float32'>[]): Tensor<'float32'> {
  const [first] = states;
  if (states.length === 1) return first!;
  const [, length = 0, width = 0] = first!.dims;
  const joined = tensor('float32', [1, states.length * length, width]);
  states.forEach(({ data }, i) => {
    joined.data.set(data, i * length * width);
  });
  return joined;
}

/** The inputs of a text encoder's graph for one prompt. */
export function promptFeeds(
  inputs: readonly TensorInfo[],
  { ids, attentionMask }: Pick<TokenizedPrompt, 'ids' | 'attentionMask'>,
): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map((input) => [input.name, row(valuesFor(input, ids, attentionMask), input)]),
  );
}

function valuesFor({ name }: TensorInfo, ids: readonly number[], mask: readonly number[]): readonly number[] {
  if (name === 'input_ids') return ids;
  if (name === 'attention_mask') return mask;
  throw new CacheQuantError('unsupported', `the text encoder wants ${name}`, {
    where: 'text_encoder',
    expected: 'input_ids, and attention_mask at most',
  });
}

function row(values: readonly number[], { dtype }: TensorInfo): Tensor {
  return convertTensor(tensor('int32', [1, values.length], Int32Array.from(values)), dtype);
}

/** `last_hidden_state`, or else the first output of three dimensions. */
export function hiddenStatesOutput({
  outputs,
}: {
  readonly outputs: readonly { readonly name: string; readonly dims: readonly unknown[] | undefined }[];
}): string {
  const output =
    outputs.find(({ name }) => name === 'last_hidden_state') ??
    outputs.find(({ dims }) => dims?.length === 3);
  if (output !== undefined) return output.name;
  throw new CacheQuantError('unsupported', 'the text encoder gives no hidden states', {
    where: 'text_encoder',
    got: outputs.map(({ name }) => name).join(', '),
  });
}
