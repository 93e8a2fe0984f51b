import { CacheQuantError, type Session, type Tensor, type TensorInfo, tensor } from '@cachequant/tensor';
import { convertTensor, readFloat32 } from '../model/convert-tensor.js';
import { requireFinite } from '../model/non-finite.js';
import type { TokenizedPrompt, Tokenizer } from './tokenizer.js';

/** The token ids of a prompt, and what did not fit. */
export interface EncodedPrompt {
  /** [1, S, D] float32. */
  readonly hiddenStates: Tensor<'float32'>;
  /** [1, D] float32, where it was asked for. */
  readonly pooled?: Tensor<'float32'>;
  readonly droppedWords: readonly string[];
}

/** Which outputs of a text encoder's graph are taken. */
export interface TextOutputs {
  readonly hiddenStates: string;
  /** One vector for the whole prompt. */
  readonly pooled?: string;
}

/** Prompts that are kept; each takes S·D floats (77 × 768: 0.25 MB). */
const CACHED_PROMPTS = 64;

/** Turns prompts into hidden states and remembers the latest. It owns the session. */
export class PromptEncoder {
  private readonly cache = new Map<string, EncodedPrompt>();

  constructor(
    private readonly session: Session,
    private readonly tokenizer: Tokenizer,
    private readonly outputs: TextOutputs = { hiddenStates: hiddenStatesOutput(session) },
    /** For messages. */
    private readonly where = 'text_encoder',
  ) {}

  /**
   * Encodes a prompt, or gives what it encoded to before.
   * @throws CacheQuantError `runtime`, `unsupported`, `non-finite`, `aborted`
   */
  async encode(prompt: string, signal?: AbortSignal): Promise<EncodedPrompt> {
    const known = this.cache.get(prompt);
    if (known !== undefined) return known;
    const tokens = this.tokenizer.encode(prompt);
    const { hiddenStates, pooled } = this.outputs;
    const results = await this.session.run(promptFeeds(this.session.inputs, tokens), {
      outputs: pooled === undefined ? [hiddenStates] : [hiddenStates, pooled],
      ...(signal && { signal }),
    });
    const read = async (name: string) => {
      const value = await readFloat32(results[name]!);
      await requireFinite(value, this.where);
      return value;
    };
    const encoded = {
      hiddenStates: await read(hiddenStates),
      ...(pooled !== undefined && { pooled: await read(pooled) }),
      droppedWords: tokens.droppedWords,
    };
    this.remember(prompt, encoded);
    return encoded;
  }

  /** Frees the network. */
  dispose(): Promise<void> {
    this.cache.clear();
    return this.session.dispose();
  }

  private remember(prompt: string, encoded: EncodedPrompt): void {
    this.cache.set(prompt, encoded);
    const [oldest] = this.cache.keys();
    if (this.cache.size > CACHED_PROMPTS && oldest !== undefined) this.cache.delete(oldest);
  }
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
function hiddenStatesOutput({ outputs }: Session): string {
  const output =
    outputs.find(({ name }) => name === 'last_hidden_state') ?? outputs.find(({ dims }) => dims.length === 3);
  if (output !== undefined) return output.name;
  throw new CacheQuantError('unsupported', 'the text encoder gives no hidden states', {
    where: 'text_encoder',
    got: outputs.map(({ name }) => name).join(', '),
  });
}
