import type { Tensor } from '@cachequant/tensor';
import type { ConditioningRequest } from '../conditioning-encoder.js';
import type { EncodedPrompt } from '../prompt-encoder.js';
import type { ControlEmbedding } from './control-sources.js';
import type { GraphEmbedding } from './graph-embedding.js';

/** What the inputs of one picture are made of. */
export interface SourceContext {
  readonly request: ConditioningRequest;
  readonly half: 'conditional' | 'unconditional';
  readonly texts: ReadonlyMap<string, EncodedPrompt>;
  readonly graphs: ReadonlyMap<string, GraphEmbedding>;
  readonly controls: ReadonlyMap<string, ControlEmbedding>;
  readonly files: ReadonlyMap<string, Tensor>;
  readonly signal: AbortSignal | undefined;
}
