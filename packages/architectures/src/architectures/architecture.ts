import type { Configuration } from '../builder/configuration.js';
import type { Scope } from '../builder/scope.js';

/** What can be chosen of a graph beside its configuration. */
export interface GraphOptions {
  /** Text encoders also give the output of every layer, as `hidden_states.0`, `hidden_states.1`, … */
  readonly hiddenStates?: boolean;
  /** T5 also takes a mask, 1 for the text and 0 for padding. */
  readonly attentionMask?: boolean;
  /** U-Nets also take what a ControlNet gives, and add it to their skip connections. */
  readonly controlResiduals?: boolean;
}

/** Adds a model's inputs, layers and outputs to a graph. */
export type DefineGraph = (g: Scope, config: Configuration, options: GraphOptions) => void;

/** The part of a model that a graph computes; autoencoders have two. */
export type Part = 'model' | 'encoder' | 'decoder';

/** A class of diffusers or transformers. */
export interface Architecture {
  /** As in `_class_name` or `architectures` of its `config.json`. */
  readonly className: string;
  readonly parts: Readonly<Partial<Record<Part, DefineGraph>>>;
}
