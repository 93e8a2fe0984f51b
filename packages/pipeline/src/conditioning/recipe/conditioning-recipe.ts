import { z } from 'zod';

/** What a request says of a picture in numbers; `class_label` is the class that stands for none where it names none. */
const requestNumber = z.enum(['height', 'width', 'aspect_ratio', 'guidance_scale', 'class_label']);

/** A number that is always the same, or one of the request. */
const number = z.union([z.number(), requestNumber]);

const numbersSource = z.strictObject({
  from: z.literal('numbers'),
  /** In their order; a single one fills the whole tensor. */
  values: z.array(number).min(1),
  /** In the unconditional half; left out: the same. */
  unconditional: z.array(number).min(1).optional(),
  /** [1, …]. */
  dims: z.array(z.number().int().positive()).min(1),
  dtype: z.enum(['float32', 'int32', 'int64']),
});

const leafSource = z.discriminatedUnion('from', [
  /** [1, S, D] of a text encoder. */
  z.strictObject({ from: z.literal('hidden_states'), encoder: z.string() }),
  /** [1, D] of a text encoder. */
  z.strictObject({ from: z.literal('pooled'), encoder: z.string() }),
  /** [1, S] int32: 1 for every token of the text, 0 for padding. */
  z.strictObject({ from: z.literal('attention_mask'), encoder: z.string() }),
  numbersSource,
  z.strictObject({ from: z.literal('zeros'), dims: z.array(z.number().int().nonnegative()).min(1) }),
  /** [1, 1, D]: what a graph of the folder gives for a number. */
  z.strictObject({ from: z.literal('graph'), folder: z.string(), input: numbersSource }),
  /** [1, channels]: sines and cosines of the guidance scale less 1. */
  z.strictObject({ from: z.literal('guidance_embedding'), channels: z.number().int().positive() }),
  /** [1, L, 3]: row and column of each token of the picture, behind a zero. */
  z.strictObject({ from: z.literal('image_ids'), pixelsPerToken: z.number().positive() }),
  /** [1, C, h, w]: what a graph of the folder makes of the control image. */
  z.strictObject({ from: z.literal('control_image'), folder: z.string() }),
  /** [1, count]: what each residual of a ControlNet counts. */
  z.strictObject({ from: z.literal('control_scales'), count: z.number().int().positive() }),
  /** An array of NumPy in the folder, [1, …]. */
  z.strictObject({ from: z.literal('file'), file: z.string() }),
]);

/** Where a conditioning input comes from. */
export type ConditioningSource =
  | z.output<typeof leafSource>
  | {
      readonly from: 'concat';
      readonly axis: number;
      readonly parts: readonly ConditioningSource[];
      /** Whether narrower parts are widened with zeros behind the last axis. */
      readonly widen?: boolean | undefined;
    };

const sourceSchema: z.ZodType<ConditioningSource, ConditioningSource> = z.lazy(() =>
  z.union([
    leafSource,
    z.strictObject({
      from: z.literal('concat'),
      axis: z.number().int().positive(),
      parts: z.array(sourceSchema).min(1),
      widen: z.boolean().optional(),
    }),
  ]),
);

const encoderSchema = z.strictObject({
  /** Folder of its tokenizer; that of its graph is its key. */
  tokenizer: z.string(),
  /**
   * The output for the hidden states, by its name, or `penultimate`: what goes into the last layer, `hidden_states.(L−1)`
   * of the outputs `hidden_states.0` to `hidden_states.L`. Left out: `last_hidden_state`, or the first output of three
   * dimensions.
   */
  hiddenStates: z.string().optional(),
  /** The output for the pooled vector. */
  pooled: z.string().optional(),
  /** Tokens of every prompt; left out: as many as the tokenizer says. */
  length: z.number().int().positive().optional(),
  /** What becomes of padding where the graph has a mask; left out: as the tokenizer says. */
  padding: z.enum(['attended', 'masked']).optional(),
  /** Whether prompts are taken in lower case, without the whitespace around them. */
  lowerCase: z.boolean().optional(),
});

/**
 * What a denoiser is conditioned on, as data: for every input where it comes from, down to the encoder and its output, the
 * field of the request, or the constant. Whoever reads it needs to know nothing of the model's family.
 */
export const conditioningRecipeSchema = z.strictObject({
  /** The name of the family that wrote it. */
  family: z.string(),
  takesText: z.boolean(),
  guided: z.boolean(),
  embedsGuidance: z.boolean().optional(),
  takesControl: z.boolean().optional(),
  /** How many classes requests choose from; the number behind the last one stands for none. */
  classes: z.number().int().positive().optional(),
  defaults: z.strictObject({ steps: z.number().optional(), guidanceScale: z.number().optional() }).optional(),
  sampling: z
    .strictObject({ evenSigmas: z.boolean().optional(), timestepScale: z.number().optional() })
    .optional(),
  /** By the folders of their graphs. */
  encoders: z.record(z.string(), encoderSchema),
  /** By the names of the denoiser's inputs. */
  inputs: z.record(z.string(), sourceSchema),
  /** Inputs that are zeros in the unconditional half where the negative prompt is empty. */
  zerosWithoutText: z.array(z.string()).optional(),
  /** The encoder that says what a prompt had no room for; left out: the first. */
  limitedBy: z.string().optional(),
  /** The input whose length says how many windows a prompt takes; left out: prompts take one. */
  windowed: z.string().optional(),
  /** Whether layers of the text encoders can be left out. */
  skipsLayers: z.boolean().optional(),
});

/** See {@link conditioningRecipeSchema}. */
export type ConditioningRecipe = z.output<typeof conditioningRecipeSchema>;
export type EncoderRecipe = z.output<typeof encoderSchema>;
export type NumbersSource = z.output<typeof numbersSource>;
export type RequestNumber = z.output<typeof requestNumber>;

/** The folders of a model that a recipe reads, beside those that every model has. */
export function foldersOf({ encoders, inputs }: Pick<ConditioningRecipe, 'encoders' | 'inputs'>): {
  readonly graphs: readonly string[];
  /** Those of control images, which are among the graphs. */
  readonly controls: readonly string[];
  readonly tokenizers: readonly string[];
  readonly files: readonly string[];
} {
  const sources = Object.values(inputs).flatMap(leaves);
  const controls = sources.flatMap((each) => (each.from === 'control_image' ? each.folder : []));
  return {
    graphs: [
      ...Object.keys(encoders),
      ...sources.flatMap((each) => (each.from === 'graph' ? each.folder : [])),
      ...controls,
    ],
    controls,
    tokenizers: Object.values(encoders).map(({ tokenizer }) => tokenizer),
    files: sources.flatMap((each) => (each.from === 'file' ? each.file : [])),
  };
}

function leaves(source: ConditioningSource): readonly Exclude<ConditioningSource, { from: 'concat' }>[] {
  return source.from === 'concat' ? source.parts.flatMap(leaves) : [source];
}
