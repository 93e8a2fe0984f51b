import { CacheQuantError, type Tensor, tensor } from '@cachequant/tensor';
import { convertTensor } from '../../model/convert-tensor.js';
import { concatStates, widened } from '../join-states.js';
import type { EncodedPrompt } from '../prompt-encoder.js';
import type {
  ConditioningRecipe,
  ConditioningSource,
  NumbersSource,
  RequestNumber,
} from './conditioning-recipe.js';
import { controlScales, requireControl } from './control-sources.js';
import { guidanceEmbedding } from './guidance-embedding.js';
import { imageIds } from './image-ids.js';
import type { SourceContext } from './source-context.js';

/** What an input takes for one picture, [1, …]. */
export async function evaluateSource(
  source: ConditioningSource,
  recipe: ConditioningRecipe,
  made: SourceContext,
): Promise<Tensor> {
  switch (source.from) {
    case 'hidden_states':
      return textOf(made, source.encoder).hiddenStates;
    case 'pooled':
      return pooledOf(made, source.encoder);
    case 'attention_mask': {
      const { attentionMask } = textOf(made, source.encoder);
      return tensor('int32', [1, attentionMask.length], Int32Array.from(attentionMask));
    }
    case 'zeros':
      return tensor('float32', source.dims);
    case 'numbers':
      return convertTensor(numbersOf(source, recipe, made), source.dtype);
    case 'graph': {
      const [value] = numbersOf(source.input, recipe, made).data;
      return made.graphs.get(source.folder)!.stateOf(value!);
    }
    case 'guidance_embedding':
      return guidanceEmbedding(numberOf('guidance_scale', recipe, made), source.channels);
    case 'image_ids':
      return imageIds(made.request, source.pixelsPerToken);
    case 'control_image':
      return made.controls.get(source.folder)!.embeddingOf(requireControl(made.request).image, made.signal);
    case 'control_scales':
      return controlScales(requireControl(made.request), source.count, made.half);
    case 'file':
      return made.files.get(source.file)!;
    case 'concat': {
      const parts: Tensor<'float32'>[] = [];
      for (const part of source.parts) parts.push(await floatSource(part, recipe, made));
      const width = Math.max(...parts.map(({ dims }) => dims.at(-1)!));
      return concatStates(source.widen ? parts.map((part) => widened(part, width)) : parts, source.axis);
    }
  }
}

async function floatSource(
  source: ConditioningSource,
  recipe: ConditioningRecipe,
  made: SourceContext,
): Promise<Tensor<'float32'>> {
  return convertTensor(await evaluateSource(source, recipe, made), 'float32') as Tensor<'float32'>;
}

function textOf({ texts }: SourceContext, encoder: string): EncodedPrompt {
  const text = texts.get(encoder);
  if (text !== undefined) return text;
  throw new CacheQuantError('bundle', 'an input comes from an encoder that is not described', {
    where: encoder,
    expected: [...texts.keys()].join(', ') || 'none',
  });
}

function pooledOf(made: SourceContext, encoder: string): Tensor<'float32'> {
  const { pooled } = textOf(made, encoder);
  if (pooled !== undefined) return pooled;
  throw new CacheQuantError('bundle', 'the encoder is not described to give a pooled vector', {
    where: encoder,
  });
}

function numbersOf(
  { dims, values, unconditional = values }: NumbersSource,
  recipe: ConditioningRecipe,
  made: SourceContext,
): Tensor<'float64'> {
  const taken = made.half === 'conditional' ? values : unconditional;
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (taken.length !== 1 && taken.length !== count) {
    throw new CacheQuantError('bundle', 'an input is described with another number of values than it has', {
      where: 'conditioning',
      expected: `1 or ${count}`,
      got: String(taken.length),
    });
  }
  const numbers = taken.map((value) => (typeof value === 'number' ? value : numberOf(value, recipe, made)));
  const data = Float64Array.from({ length: count }, (_, i) => numbers[i % numbers.length]!);
  return tensor('float64', dims, data);
}

function numberOf(
  value: RequestNumber,
  { defaults, classes = 0 }: ConditioningRecipe,
  { request: { width, height, guidanceScale, classLabel } }: SourceContext,
): number {
  switch (value) {
    case 'height':
      return height;
    case 'width':
      return width;
    case 'aspect_ratio':
      return height / width;
    case 'guidance_scale':
      return guidanceScale ?? defaults?.guidanceScale ?? 1;
    case 'class_label':
      return classLabel ?? classes;
  }
}

/** Zeros of the same shape. */
export function zerosLike({ dims }: Tensor): Tensor {
  return tensor('float32', dims);
}
