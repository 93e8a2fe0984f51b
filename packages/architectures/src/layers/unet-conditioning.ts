import type { Configuration } from '../builder/configuration.js';
import type { Tensor } from '../builder/graph-assembly.js';
import type { Scope } from '../builder/scope.js';
import { type ActivationName, activation, DIFFUSERS_ACTIVATIONS } from './activation.js';
import { linear, linearOnTokens } from './linear.js';
import { sinusoids, timeEmbedding } from './time-embedding.js';

export interface UNetEmbedding {
  /** [B or 1, channels] */
  readonly value: Tensor;
  readonly channels: number;
}

/** The timestep as a list [N]; a single one serves the whole batch. */
export function timestepInput(g: Scope): Tensor {
  return g.reshape(g.input('timestep', 'float32', []), -1);
}

/**
 * Everything that a conditional U-Net adds up to one embedding: the time, a guidance scale (LCM), a class, and texts
 * and sizes (SDXL).
 */
export function conditionalEmbedding(g: Scope, config: Configuration, act: ActivationName): UNetEmbedding {
  const base = config.integers('block_out_channels', [320, 640, 1280, 1280])[0]!;
  const time = {
    cosineFirst: config.flag('flip_sin_to_cos', true),
    frequencyShift: config.number('freq_shift', 0),
  };
  const out = config.integer('time_embedding_dim', base * 4);
  config.only('time_embedding_type', 'positional');
  const projected = (times: Tensor) => sinusoids(g.at('time_proj'), times, { channels: base, ...time });
  const conditionChannels = config.optionalInteger('time_cond_proj_dim');
  let value = timeEmbedding(g.at('time_embedding'), projected(timestepInput(g)), {
    in: base,
    out,
    act,
    postAct: config.optionalChoice('timestep_post_act', DIFFUSERS_ACTIVATIONS),
    condition:
      conditionChannels === undefined
        ? undefined
        : {
            value: g.input('timestep_cond', 'float32', ['batch_size', conditionChannels]),
            channels: conditionChannels,
          },
  });
  let channels = out;
  const classes = classEmbedding(g, config, { base, out, act, projected });
  const joined = config.flag('class_embeddings_concat', false);
  if (classes !== undefined) {
    value = joined ? g.concat(-1, broadcast(g, value, classes), classes) : g.add(value, classes);
    if (joined) channels = 2 * out;
  }
  const added = textAndSizeEmbedding(g, config, out, time);
  if (added !== undefined) value = g.add(value, added);
  const lastAct = config.optionalChoice('time_embedding_act_fn', DIFFUSERS_ACTIVATIONS);
  if (lastAct !== undefined) value = activation(g.at('time_embed_act'), lastAct, value);
  return { value, channels };
}

/** One row for each of `like`. */
function broadcast(g: Scope, rows: Tensor, like: Tensor): Tensor {
  return g.node('Expand', [rows, g.concat(0, g.shape(like, 0, 1), g.ints(1))]);
}

interface ClassOptions {
  readonly base: number;
  readonly out: number;
  readonly act: ActivationName;
  /** Features of times [N]: [N, base]. */
  readonly projected: (times: Tensor) => Tensor;
}

const CLASS_EMBEDDINGS = ['timestep', 'identity', 'projection', 'simple_projection'] as const;

/** What `class_labels` adds: [B, out]. */
export function classEmbedding(
  g: Scope,
  config: Configuration,
  { base, out, act, projected }: ClassOptions,
  known: readonly (typeof CLASS_EMBEDDINGS)[number][] = CLASS_EMBEDDINGS,
): Tensor | undefined {
  const kind = config.optionalChoice('class_embed_type', known);
  const classes = config.optionalInteger('num_class_embeds');
  const module = g.at('class_embedding');
  const given = (channels: number) => g.input('class_labels', 'float32', ['batch_size', channels]);
  switch (kind) {
    case undefined: {
      if (classes === undefined) return undefined;
      return module.lookUp('weight', [classes, out], g.input('class_labels', 'int64', ['batch_size']));
    }
    case 'timestep': {
      const labels = g.input('class_labels', 'float32', ['batch_size']);
      return timeEmbedding(module, projected(labels), { in: base, out, act });
    }
    case 'identity':
      return given(out);
    default: {
      const channels = config.integer('projection_class_embeddings_input_dim');
      return kind === 'projection'
        ? timeEmbedding(module, given(channels), { in: channels, out })
        : linear(module, given(channels), { in: channels, out });
    }
  }
}

/**
 * Channels of SDXL's pooled text. Configurations give the sum of what the text and the numbers take alone, and the
 * refiner has five numbers where the base has six.
 */
const SDXL_TEXT = 1280;

/** SDXL: the pooled text and six numbers on size and cropping, or five with an aesthetic score. */
function textAndSizeEmbedding(
  g: Scope,
  config: Configuration,
  out: number,
  time: { readonly cosineFirst: boolean; readonly frequencyShift: number },
): Tensor | undefined {
  config.ignore('addition_embed_type_num_heads');
  const timeChannels = config.optionalInteger('addition_time_embed_dim');
  if (config.optionalChoice('addition_embed_type', ['text_time']) === undefined) return undefined;
  if (timeChannels === undefined) throw config.refuse('addition_time_embed_dim', 'a whole number');
  const channels = config.integer('projection_class_embeddings_input_dim');
  const numbers = [6, 5].find((count) => channels - count * timeChannels === SDXL_TEXT) ?? 6;
  const textChannels = channels - numbers * timeChannels;
  const text = g.input('text_embeds', 'float32', ['batch_size', textChannels]);
  const ids = g.input('time_ids', 'float32', ['batch_size', numbers]);
  const module = g.at('add_time_proj');
  const features = sinusoids(module, module.reshape(ids, -1), { channels: timeChannels, ...time });
  const together = g.concat(-1, text, module.reshape(features, -1, numbers * timeChannels));
  return timeEmbedding(g.at('add_embedding'), together, { in: channels, out });
}

/** The texts that are attended to, [B, S, channels], projected where the model does so. */
export function textContext(g: Scope, config: Configuration, channels: number): Tensor {
  const textChannels = config.optionalInteger('encoder_hid_dim');
  config.only('encoder_hid_dim_type', 'text_proj');
  const text = g.input('encoder_hidden_states', 'float32', [
    'batch_size',
    'sequence_length',
    textChannels ?? channels,
  ]);
  if (textChannels === undefined) return text;
  return linearOnTokens(g.at('encoder_hid_proj'), text, { in: textChannels, out: channels });
}
