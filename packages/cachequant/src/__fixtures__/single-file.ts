import { openWeights, readFloat32, type WeightSource } from '@cachequant/checkpoint';
import { type Storage, toBytes, writeFile } from '@cachequant/tensor';

/** A tensor of a file that is written. */
export interface WrittenTensor {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** Writes a safetensors file of float32 weights. */
export async function writeSafetensors(
  storage: Storage,
  path: string,
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  let end = 0;
  const entries = [...tensors].map(([name, { dims, values }]) => {
    const start = end;
    end += values.byteLength;
    return [name, { dtype: 'F32', shape: dims, data_offsets: [start, end] }] as const;
  });
  const header = new TextEncoder().encode(
    JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) }),
  );
  const length = toBytes(BigUint64Array.of(BigInt(header.byteLength)));
  const parts = [...tensors.values()].map(({ values }) => toBytes(values));
  await writeFile(storage, path, Buffer.concat([length, header, ...parts]));
}

/** Writes a diffusers folder with Stable Diffusion 1.x's kind of parts as one file of its original code. */
export async function writeSingleFile(folder: Storage, target: Storage, path: string): Promise<void> {
  const tensors = new Map<string, WrittenTensor>();
  const add = async (part: string, prefix: string, rename: (name: string) => string) => {
    const weights: WeightSource = await openWeights(folder, part);
    for (const name of weights.names()) {
      tensors.set(prefix + rename(name), {
        dims: weights.shapeOf(name),
        values: await readFloat32(weights, name),
      });
    }
  };
  await add('unet', 'model.diffusion_model.', originalUnetName);
  await add('vae', 'first_stage_model.', originalVaeName);
  await add('text_encoder', 'cond_stage_model.transformer.', (name) => name);
  await writeSafetensors(target, path, tensors, { 'modelspec.license': 'CC0-1.0' });
}

/** Of models/fashion-sd: two levels with one layer each, attention on both. */
const UNET_NAMES: readonly (readonly [diffusers: RegExp, original: string])[] = [
  [/^time_embedding\.linear_1/, 'time_embed.0'],
  [/^time_embedding\.linear_2/, 'time_embed.2'],
  [/^conv_in/, 'input_blocks.0.0'],
  [/^conv_norm_out/, 'out.0'],
  [/^conv_out/, 'out.2'],
  [/^down_blocks\.0\.resnets\.0/, 'input_blocks.1.0'],
  [/^down_blocks\.0\.attentions\.0/, 'input_blocks.1.1'],
  [/^down_blocks\.0\.downsamplers\.0\.conv/, 'input_blocks.2.0.op'],
  [/^down_blocks\.1\.resnets\.0/, 'input_blocks.3.0'],
  [/^down_blocks\.1\.attentions\.0/, 'input_blocks.3.1'],
  [/^mid_block\.resnets\.0/, 'middle_block.0'],
  [/^mid_block\.attentions\.0/, 'middle_block.1'],
  [/^mid_block\.resnets\.1/, 'middle_block.2'],
  [/^up_blocks\.0\.resnets\.([01])/, 'output_blocks.$1.0'],
  [/^up_blocks\.0\.attentions\.([01])/, 'output_blocks.$1.1'],
  [/^up_blocks\.0\.upsamplers\.0\.conv/, 'output_blocks.1.2.conv'],
  [/^up_blocks\.1\.resnets\.0/, 'output_blocks.2.0'],
  [/^up_blocks\.1\.attentions\.0/, 'output_blocks.2.1'],
  [/^up_blocks\.1\.resnets\.1/, 'output_blocks.3.0'],
  [/^up_blocks\.1\.attentions\.1/, 'output_blocks.3.1'],
  [/^((?:in|out)put_blocks\.\d+\.0|middle_block\.[02])\.norm1\./, '$1.in_layers.0.'],
  [/^((?:in|out)put_blocks\.\d+\.0|middle_block\.[02])\.conv1\./, '$1.in_layers.2.'],
  [/^((?:in|out)put_blocks\.\d+\.0|middle_block\.[02])\.time_emb_proj\./, '$1.emb_layers.1.'],
  [/^((?:in|out)put_blocks\.\d+\.0|middle_block\.[02])\.norm2\./, '$1.out_layers.0.'],
  [/^((?:in|out)put_blocks\.\d+\.0|middle_block\.[02])\.conv2\./, '$1.out_layers.3.'],
  [/\.conv_shortcut\./, '.skip_connection.'],
];

function originalUnetName(name: string): string {
  return UNET_NAMES.reduce((renamed, [pattern, original]) => renamed.replace(pattern, original), name);
}

function originalVaeName(name: string): string {
  return name
    .replace(
      /\.up_blocks\.(\d)\.resnets\.(\d)/,
      (_, level, layer) => `.up.${1 - Number(level)}.block.${layer}`,
    )
    .replace(/\.up_blocks\.(\d)\.upsamplers\.0/, (_, level) => `.up.${1 - Number(level)}.upsample`)
    .replace(/\.mid_block\.resnets\.(\d)/, (_, layer) => `.mid.block_${Number(layer) + 1}`)
    .replace('.conv_norm_out', '.norm_out')
    .replace('.conv_shortcut', '.nin_shortcut');
}
