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

/** A part of a folder under the names of the original code. */
type OriginalPart = (folder: Storage) => Promise<Map<string, WrittenTensor>>;

/**
 * Writes a diffusers folder as one file of the original code: Stable Diffusion 1.x's kind of parts, or SDXL's where there
 * is a second text encoder.
 * @param without parts to leave out
 */
export async function writeSingleFile(
  folder: Storage,
  target: Storage,
  path: string,
  { without = [] }: { without?: readonly string[] } = {},
): Promise<void> {
  const isSdxl = (await folder.stat('text_encoder_2/config.json')) !== undefined;
  const isRefiner = isSdxl && (await folder.stat('text_encoder/config.json')) === undefined;
  const first = isSdxl ? 'conditioner.embedders.0.transformer.' : 'cond_stage_model.transformer.';
  const parts: Readonly<Record<string, OriginalPart>> = {
    unet: originalPart('unet', (name) => `model.diffusion_model.${originalUnetName(name)}`),
    vae: originalPart('vae', (name) => `first_stage_model.${originalVaeName(name)}`),
    ...(!isRefiner && {
      text_encoder: originalPart('text_encoder', (name) => `${first}${withTextModel(name)}`),
    }),
    ...(isSdxl && { text_encoder_2: openClipPart(`conditioner.embedders.${isRefiner ? 0 : 1}.model.`) }),
  };
  const tensors = new Map<string, WrittenTensor>();
  for (const [part, read] of Object.entries(parts)) {
    if (without.includes(part)) continue;
    for (const [name, tensor] of await read(folder)) tensors.set(name, tensor);
  }
  await writeSafetensors(target, path, tensors, { 'modelspec.license': 'CC0-1.0' });
}

/** Writes one part of a diffusers folder alone, under the names of its original code, as autoencoders are published. */
export async function writeOriginalVae(folder: Storage, target: Storage, path: string): Promise<void> {
  await writeSafetensors(target, path, await originalPart('vae', originalVaeName)(folder));
}

function originalPart(part: string, rename: (name: string) => string): OriginalPart {
  return async (folder) => {
    const weights: WeightSource = await openWeights(folder, part);
    const tensors = new Map<string, WrittenTensor>();
    for (const name of weights.names()) {
      const renamed = rename(name);
      const shape = weights.shapeOf(name);
      // The attention of the original autoencoder is made of convolutions.
      const dims = /attn_1\.\w+\.weight$/.test(renamed) && shape.length === 2 ? [...shape, 1, 1] : shape;
      tensors.set(renamed, { dims, values: await readFloat32(weights, name) });
    }
    return tensors;
  };
}

const OPEN_CLIP_NAMES: readonly (readonly [transformers: RegExp, original: string])[] = [
  [/^embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  [/^embeddings\.token_embedding/, 'token_embedding'],
  [/^final_layer_norm/, 'ln_final'],
  [/^encoder\.layers\./, 'transformer.resblocks.'],
  [/\.layer_norm([12])\./, '.ln_$1.'],
  [/\.mlp\.fc1\./, '.mlp.c_fc.'],
  [/\.mlp\.fc2\./, '.mlp.c_proj.'],
  [/\.self_attn\.out_proj\./, '.attn.out_proj.'],
];

/** SDXL's second text encoder: projections of attention in one matrix, the last one as x · W. */
function openClipPart(prefix: string): OriginalPart {
  return (folder) => openClipTensors(folder, prefix);
}

async function openClipTensors(folder: Storage, prefix: string): Promise<Map<string, WrittenTensor>> {
  const weights = await openWeights(folder, 'text_encoder_2');
  const tensors = new Map<string, WrittenTensor>();
  const add = (name: string, dims: readonly number[], values: Float32Array) =>
    tensors.set(prefix + name, { dims, values });
  for (const name of weights.names()) {
    const values = await readFloat32(weights, name);
    const dims = weights.shapeOf(name);
    const bare = name.replace(/^text_model\./, '');
    const projection = /^encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(weight|bias)$/.exec(bare);
    if (name === 'text_projection.weight') {
      const [rows, columns] = dims as [number, number];
      const transposed = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
      add('text_projection', [columns, rows], transposed);
    } else if (projection === null) {
      const renamed = OPEN_CLIP_NAMES.reduce((key, [from, to]) => key.replace(from, to), bare);
      add(renamed, dims, values);
    } else if (projection[2] === 'q') {
      const others = await Promise.all(
        ['k', 'v'].map((which) => readFloat32(weights, name.replace('.q_proj', `.${which}_proj`))),
      );
      const [rows, ...rest] = dims as [number, ...number[]];
      const fused = Float32Array.from([values, ...others].flatMap((each) => [...each]));
      add(`transformer.resblocks.${projection[1]}.attn.in_proj_${projection[3]}`, [3 * rows, ...rest], fused);
    }
  }
  return tensors;
}

/** As files of all versions have it, and the fifth version of transformers does not. */
function withTextModel(name: string): string {
  return name.startsWith('text_model.') ? name : `text_model.${name}`;
}

/** Of models/fashion-sd: two levels with one layer each, attention on both. */
const UNET_NAMES: readonly (readonly [diffusers: RegExp, original: string])[] = [
  [/^time_embedding\.linear_1/, 'time_embed.0'],
  [/^time_embedding\.linear_2/, 'time_embed.2'],
  [/^add_embedding\.linear_1/, 'label_emb.0.0'],
  [/^add_embedding\.linear_2/, 'label_emb.0.2'],
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
    .replace(/\.down_blocks\.(\d)\.resnets\.(\d)/, '.down.$1.block.$2')
    .replace(/\.down_blocks\.(\d)\.downsamplers\.0/, '.down.$1.downsample')
    .replace(/\.mid_block\.resnets\.(\d)/, (_, layer) => `.mid.block_${Number(layer) + 1}`)
    .replace('.mid_block.attentions.0.group_norm', '.mid.attn_1.norm')
    .replace(/\.mid_block\.attentions\.0\.to_([qkv])/, '.mid.attn_1.$1')
    .replace('.mid_block.attentions.0.to_out.0', '.mid.attn_1.proj_out')
    .replace('.conv_norm_out', '.norm_out')
    .replace('.conv_shortcut', '.nin_shortcut');
}
