import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { readCase } from './__fixtures__/cases.js';
import { ARCHITECTURES } from './architectures/index.js';
import { buildGraph } from './build-graph.js';

function refusal(name: string, change: Record<string, unknown>): CacheQuantError {
  const { config, className, part } = readCase(name);
  try {
    buildGraph({ className, ...(part && { part }), config: { ...config, ...change } });
  } catch (error) {
    if (CacheQuantError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('buildGraph names what it does not know', () => {
  test.each([
    ['unet-sd15', { attention_type: 'gated' }, 'attention_type'],
    ['unet-sd15', { down_block_types: ['SimpleCrossAttnDownBlock2D'] }, 'down_block_types'],
    ['unet-sd15', { addition_embed_type: 'image' }, 'addition_embed_type'],
    ['unet-sd15', { time_embedding_type: 'fourier' }, 'time_embedding_type'],
    ['unet-sd15', { resnet_time_scale_shift: 'spatial' }, 'resnet_time_scale_shift'],
    ['unet-sd15', { attention_head_dim: [2, 2] }, 'attention_head_dim'],
    ['unet-sd15', { norm_num_groups: null }, 'norm_num_groups'],
    ['unet-sd15', { an_option_of_next_year: true }, 'an_option_of_next_year'],
    ['unet-sd15', { block_out_channels: [8, 'x', 8, 8] }, 'block_out_channels'],
    ['unet-sdxl', { transformer_layers_per_block: [[1], [1], [1]] }, 'reverse_transformer_layers_per_block'],
    ['kl-sd15-decoder', { act_fn: 'elu' }, 'act_fn'],
    ['clip-sd15', { hidden_act: 'swish' }, 'hidden_act'],
  ])('%s with %j', (name, change, key) => {
    const error = refusal(name, change);
    expect(error.code).toBe('unsupported');
    expect(error.where).toContain(`'${key}'`);
  });

  test('a class', () => {
    expect(() => buildGraph({ config: { _class_name: 'UNet3DConditionModel' } })).toThrow(
      /UNet3DConditionModel: there is no such architecture.*UNet2DConditionModel/,
    );
  });

  test('a configuration without a class', () => {
    expect(() => buildGraph({ config: {} })).toThrow('of which class the model is');
  });

  test('a part', () => {
    const { config } = readCase('kl-sd15-decoder');
    expect(() => buildGraph({ config, className: 'AutoencoderKL' })).toThrow(/expected encoder or decoder/);
  });

  test('but not a key that is null, or that does not change the graph', () => {
    const { config, className } = readCase('unet-sd15');
    const more = { _name_or_path: 'x', next_year: null, sample_size: 96 };
    expect(() => buildGraph({ className, config: { ...config, ...more } })).not.toThrow();
  });
});

test('every architecture is one class, once', () => {
  const names = ARCHITECTURES.map(({ className }) => className);
  expect(new Set(names).size).toBe(names.length);
});
