import type { RgbImage } from '@cachequant/evaluate';
import { CacheQuantError, type Session, type Tensor, tensor } from '@cachequant/tensor';
import { CONTROL_EMBEDDING, CONTROL_SCALES } from '../../denoise/control-inputs.js';
import { convertTensor, readFloat32 } from '../../model/convert-tensor.js';
import { requireFinite } from '../../model/non-finite.js';
import type { ConditionedModel, ConditioningFamily, Control } from '../conditioning-encoder.js';
import { latentConsistencyFamily, latentConsistencySdxlFamily } from './latent-consistency.js';
import { sdxlFamily } from './sdxl.js';
import { textFamily } from './text.js';

/**
 * Models that follow a ControlNet: what another family is conditioned on, what the ControlNet's first layers make of the
 * control image, and a factor for each of its residuals. The ControlNet itself is in the denoiser's graph.
 *
 * Source: Zhang, Rao and Agrawala, 2023, https://arxiv.org/abs/2302.05543, as diffusers'
 * StableDiffusionControlNetPipeline does it. Differs: the layers that see the control image alone run once for a picture,
 * not at every call; in guess mode the ControlNet also runs on the unconditional half, and is not heard there.
 */
function controlled(base: ConditioningFamily): ConditioningFamily {
  return {
    ...base,
    name: `${base.name}, with a ControlNet`,
    takesControl: true,
    accepts: (model) => scalesInput(model) !== undefined && base.accepts(withoutControl(model)),
    async open({ load, ...model }) {
      const { folder } = model;
      const residuals = scalesInput(model)?.dims[1];
      if (folder.controlNet === undefined || typeof residuals !== 'number') throw missing();
      const encoder = await base.open({ ...model, ...withoutControl(model), load });
      const session = await load(folder.controlNet.model).catch(async (error) => {
        await encoder.dispose();
        throw error;
      });
      const embedded = rememberedEmbedding(session);
      return {
        async encode(request, half, options) {
          const { control } = request;
          if (control === undefined) throw noImage();
          return {
            ...(await encoder.encode(request, half, options)),
            [CONTROL_EMBEDDING]: await embedded(control.image, options?.signal),
            [CONTROL_SCALES]: controlScales(control, residuals, half),
          };
        },
        async dispose() {
          await Promise.all([encoder.dispose(), session.dispose()]);
        },
      };
    },
  };
}

export const CONTROLLED_FAMILIES: readonly ConditioningFamily[] = [
  textFamily,
  sdxlFamily,
  latentConsistencyFamily,
  latentConsistencySdxlFamily,
].map(controlled);

function scalesInput({ inputs }: ConditionedModel) {
  return inputs.some(({ name }) => name === CONTROL_EMBEDDING)
    ? inputs.find(({ name }) => name === CONTROL_SCALES)
    : undefined;
}

function withoutControl({ folder, inputs }: ConditionedModel): ConditionedModel {
  const own = [CONTROL_EMBEDDING, CONTROL_SCALES];
  return { folder, inputs: inputs.filter(({ name }) => !own.includes(name)) };
}

/** Of the last image that was asked for: a request's pictures have the same, and so have both halves of guidance. */
function rememberedEmbedding(session: Session) {
  let last: { readonly image: RgbImage; readonly embedding: Promise<Tensor<'float32'>> } | undefined;
  return (image: RgbImage, signal: AbortSignal | undefined): Promise<Tensor<'float32'>> => {
    if (last?.image === image) return last.embedding;
    const embedding = embed(session, image, signal);
    last = { image, embedding };
    embedding.catch(() => {
      last = undefined;
    });
    return embedding;
  };
}

async function embed(
  session: Session,
  image: RgbImage,
  signal: AbortSignal | undefined,
): Promise<Tensor<'float32'>> {
  const [input, output] = [session.inputs[0]!, session.outputs[0]!];
  const feeds = { [input.name]: convertTensor(toUnitPixels(image), input.dtype) };
  const outputs = await session.run(feeds, { outputs: [output.name], ...(signal && { signal }) });
  const embedding = await readFloat32(outputs[output.name]!);
  await requireFinite(embedding, 'controlnet');
  return embedding;
}

/** [1, 3, H, W] in [0, 1]. */
function toUnitPixels({ width, height, rgb }: RgbImage): Tensor<'float32'> {
  const plane = width * height;
  const pixels = tensor('float32', [1, 3, height, width]);
  for (let i = 0; i < rgb.length; i++) pixels.data[(i % 3) * plane + Math.floor(i / 3)] = rgb[i]! / 255;
  return pixels;
}

/** In guess mode the first residual has a tenth of the scale, the last all of it, and between them equal ratios. */
const GUESS_MODE_FIRST = -1;

/** [1, R] */
function controlScales(
  { scale, guessMode = false }: Control,
  count: number,
  half: 'conditional' | 'unconditional',
): Tensor<'float32'> {
  const scales = tensor('float32', [1, count]);
  if (!guessMode) scales.data.fill(scale);
  else if (half === 'conditional') {
    for (let i = 0; i < count; i++) {
      const exponent = GUESS_MODE_FIRST * (1 - i / Math.max(1, count - 1));
      scales.data[i] = Math.fround(10 ** exponent) * scale;
    }
  }
  return scales;
}

function missing(): CacheQuantError {
  return new CacheQuantError('storage', 'the model lacks a part', {
    where: 'controlnet_cond_embedding/',
    expected: 'the layers of the ControlNet that see the control image',
    hint: 'Copy the folder whole.',
  });
}

function noImage(): CacheQuantError {
  return new CacheQuantError('invalid-argument', 'the control image is missing', {
    where: 'control',
    expected: 'an image that the ControlNet follows',
  });
}
