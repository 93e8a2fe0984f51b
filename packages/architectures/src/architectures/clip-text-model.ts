import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { clipText } from '../layers/clip-text.js';
import { linear } from '../layers/linear.js';
import type { Architecture, DefineGraph } from './architecture.js';

const model: DefineGraph = (g, config, { hiddenStates = false }) => {
  const { last, pooled, size, states } = clipText(g, config);
  g.output('last_hidden_state', last, ['batch_size', 'sequence_length', size]);
  g.output('pooler_output', pooled, ['batch_size', size]);
  if (hiddenStates) nameStates(g, states, size);
};

/** The same with the pooled text projected, as SDXL, SD3 and unCLIP take it. */
const withProjection: DefineGraph = (g, config, { hiddenStates = true }) => {
  const { last, pooled, size, states } = clipText(g, config);
  const out = config.integer('projection_dim', 512);
  const projected = linear(g.at('text_projection'), pooled, { in: size, out, bias: false });
  g.output('text_embeds', projected, ['batch_size', out]);
  g.output('last_hidden_state', last, ['batch_size', 'sequence_length', size]);
  if (hiddenStates) nameStates(g, states, size);
};

function nameStates(g: Scope, states: readonly Tensor[], size: number): void {
  for (const [at, state] of states.entries()) {
    g.output(`hidden_states.${at}`, state, ['batch_size', 'sequence_length', size]);
  }
}

export const clipTextModel: Architecture = { className: 'CLIPTextModel', parts: { model } };

export const clipTextModelWithProjection: Architecture = {
  className: 'CLIPTextModelWithProjection',
  parts: { model: withProjection },
};
